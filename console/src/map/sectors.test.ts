import { describe, expect, it } from "vitest";
import { metresApart } from "./near";
import { boundsOf, changedTones, graticule, pointFrom, pointsOf, sectorRing, sectorsOf, type MapCamera } from "./sectors";

const camera: MapCamera = {
  id: "a", name: "A", tone: "good", latitude_e7: 535_000_000, longitude_e7: 100_000_000,
  views: [{ bearing_cdeg: 0, angle_cdeg: 9000, range_m: 50 }, { bearing_cdeg: 0, angle_cdeg: 36_000, range_m: 10 }],
};
const place = ([longitude, latitude]: [number, number]) => ({ latitude_e7: latitude * 1e7, longitude_e7: longitude * 1e7 });

describe("pointFrom", () => {
  it.each([0, 45, 90, 180, 270])("is as far as asked to %i degrees", (bearing) => {
    expect(metresApart(place([10, 53.5]), place(pointFrom(53.5, 10, bearing, 50)))).toBeCloseTo(50, 1);
  });
  it("goes clockwise from north", () => {
    expect(pointFrom(53.5, 10, 0, 50)[1]).toBeGreaterThan(53.5);
    expect(pointFrom(53.5, 10, 90, 50)[0]).toBeGreaterThan(10);
  });
});

describe("sectorRing", () => {
  it("closes, begins at the camera and looks where it should", () => {
    const ring = sectorRing(53.5, 10, { bearing_cdeg: 0, angle_cdeg: 9000, range_m: 50 });
    expect(ring[0]).toEqual([10, 53.5]);
    expect(ring.at(-1)).toEqual(ring[0]);
    const [west] = ring[1] as [number, number];
    const [east] = ring.at(-2) as [number, number];
    expect(west).toBeLessThan(10);
    expect(10 - west).toBeCloseTo(east - 10, 9);
    expect(ring.slice(1, -1).every(([, y]) => y > 53.5)).toBe(true);
  });
  it("of all directions is a circle", () => {
    const ring = sectorRing(53.5, 10, { bearing_cdeg: 0, angle_cdeg: 36_000, range_m: 50 });
    expect(ring.at(-1)).toEqual(ring[0]);
    expect(ring.some(([x, y]) => x === 10 && y === 53.5)).toBe(false);
  });
});

describe("collections", () => {
  it("have a point a camera and a polygon a view", () => {
    expect(pointsOf([camera]).features).toHaveLength(1);
    expect(sectorsOf([camera]).features.map((one) => one.properties.tone)).toEqual(["good", "good"]);
  });
  it("know their bounds, and that nothing has none", () => {
    expect(boundsOf([camera, { ...camera, latitude_e7: 540_000_000 }])).toEqual([10, 53.5, 10, 54]);
    expect(boundsOf([])).toBeUndefined();
  });
  it("draws lines over the whole ground", () => {
    expect(graticule(0, 0, 1, 2, 1).features).toHaveLength(2 + 3);
  });
});

describe("changedTones", () => {
  it("names what changed, and nothing else", () => {
    const other: MapCamera = { ...camera, id: "b" };
    expect(changedTones([camera, other], [camera, { ...other, tone: "bad" }])?.map((one) => one.id)).toEqual(["b"]);
    expect(changedTones([camera, other], [camera, { ...other }])).toEqual([]);
  });
  it("gives up where other cameras stand there", () => {
    expect(changedTones([camera], [camera, camera])).toBeNull();
    expect(changedTones([camera], [{ ...camera, id: "b" }])).toBeNull();
    expect(changedTones([camera], [{ ...camera, latitude_e7: 1 }])).toBeNull();
    expect(changedTones([camera], [{ ...camera, views: [] }])).toBeNull();
  });
});
