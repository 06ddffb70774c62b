import { describe, expect, it } from "vitest";
import { metresApart, nearest } from "./near";

const at = (id: string, latitude_e7: number | null, longitude_e7 = 100_000_000, site = "Quay") => ({
  id,
  name: id,
  site,
  mount: latitude_e7 === null ? null : { latitude_e7, longitude_e7 },
});

describe("metresApart", () => {
  it("is a degree of latitude, and less of longitude in the north", () => {
    const here = { latitude_e7: 600_000_000, longitude_e7: 100_000_000 };
    expect(metresApart(here, { ...here, latitude_e7: 610_000_000 })).toBeCloseTo(111_320, 0);
    expect(metresApart(here, { ...here, longitude_e7: 110_000_000 })).toBeCloseTo(55_660, 0);
  });
});

describe("nearest", () => {
  it("begins with the camera itself", () => {
    const all = [at("far", 530_100_000), at("near", 530_000_100), at("own", 530_000_000), at("lost", null, 0, "x")];
    expect(nearest(all[2] as (typeof all)[0], all, 3).map((one) => one.id)).toEqual(["own", "near", "far"]);
  });
  it("takes the site's where no place is known", () => {
    const all = [at("own", null), at("b", null), at("a", null), at("else", 1, 1, "Depot")];
    expect(nearest(all[0] as (typeof all)[0], all, 4).map((one) => one.id)).toEqual(["own", "a", "b"]);
  });
});
