// Cameras as GeoJSON: points, and the ground that each view looks over.

import type { Feature, FeatureCollection, LineString, Point, Polygon } from "geojson";

export type Tone = "good" | "masked" | "bad" | "unknown";
type View = { bearing_cdeg: number; angle_cdeg: number; range_m: number };
export type MapCamera = {
  id: string;
  name: string;
  tone: Tone;
  latitude_e7: number;
  longitude_e7: number;
  views: readonly View[];
};

const METRES_PER_DEGREE = 111_320;
const STEP_DEG = 6;

/** The point so far from a place in a direction. Units: degrees clockwise from north, metres. */
export function pointFrom(latitude: number, longitude: number, bearing_deg: number, far_m: number): [number, number] {
  const angle = (bearing_deg * Math.PI) / 180;
  const narrow = Math.cos((latitude * Math.PI) / 180);
  return [
    longitude + (Math.sin(angle) * far_m) / (METRES_PER_DEGREE * narrow),
    latitude + (Math.cos(angle) * far_m) / METRES_PER_DEGREE,
  ];
}

/** A view as a ring that closes; a full circle has no way to its middle. */
export function sectorRing(latitude: number, longitude: number, view: View): [number, number][] {
  const angle = view.angle_cdeg / 100;
  const first = view.bearing_cdeg / 100 - angle / 2;
  const steps = Math.max(2, Math.ceil(angle / STEP_DEG));
  const arc = Array.from({ length: steps + 1 }, (_, n) =>
    pointFrom(latitude, longitude, first + (angle * n) / steps, view.range_m),
  );
  if (angle >= 360) return [...arc.slice(0, -1), arc[0] as [number, number]];
  return [[longitude, latitude], ...arc, [longitude, latitude]];
}

type Properties = { id: string; name: string; tone: Tone };

export function pointsOf(cameras: readonly MapCamera[]): FeatureCollection<Point, Properties> {
  return { type: "FeatureCollection", features: cameras.map((one) => pointOf(one)) };
}

export function sectorsOf(cameras: readonly MapCamera[]): FeatureCollection<Polygon, Properties> {
  const features = cameras.flatMap((one) =>
    one.views.map((view): Feature<Polygon, Properties> => {
      const ring = sectorRing(one.latitude_e7 / 1e7, one.longitude_e7 / 1e7, view);
      return { type: "Feature", geometry: { type: "Polygon", coordinates: [ring] }, properties: propertiesOf(one) };
    }),
  );
  return { type: "FeatureCollection", features };
}

/** Those whose tone is another one, of the same cameras at the same places; null where other cameras stand there. */
export function changedTones(before: readonly MapCamera[], now: readonly MapCamera[]): MapCamera[] | null {
  const isSame = (one: MapCamera, other: MapCamera | undefined) =>
    one.id === other?.id && one.latitude_e7 === other.latitude_e7 && one.longitude_e7 === other.longitude_e7 && one.name === other.name && one.views === other.views;
  if (before.length !== now.length || !now.every((one, n) => isSame(one, before[n]))) return null;
  return now.filter((one, n) => one.tone !== before[n]?.tone);
}

/** Lines of latitude and longitude around a place, for a ground without a map. */
export function graticule(west: number, south: number, east: number, north: number, step: number): FeatureCollection<LineString> {
  const lines: [number, number][][] = [];
  for (let x = Math.floor(west / step); x <= Math.ceil(east / step); x++) lines.push([[x * step, south], [x * step, north]]);
  for (let y = Math.floor(south / step); y <= Math.ceil(north / step); y++) lines.push([[west, y * step], [east, y * step]]);
  return {
    type: "FeatureCollection",
    features: lines.map((coordinates) => ({ type: "Feature", geometry: { type: "LineString", coordinates }, properties: {} })),
  };
}

/** West, south, east, north of all cameras, or nothing. */
export function boundsOf(cameras: readonly MapCamera[]): [number, number, number, number] | undefined {
  if (cameras.length === 0) return undefined;
  const bounds: [number, number, number, number] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const one of cameras) {
    const x = one.longitude_e7 / 1e7;
    const y = one.latitude_e7 / 1e7;
    bounds[0] = Math.min(bounds[0], x);
    bounds[1] = Math.min(bounds[1], y);
    bounds[2] = Math.max(bounds[2], x);
    bounds[3] = Math.max(bounds[3], y);
  }
  return bounds;
}

function pointOf(one: MapCamera): Feature<Point, Properties> {
  const coordinates = [one.longitude_e7 / 1e7, one.latitude_e7 / 1e7];
  return { type: "Feature", geometry: { type: "Point", coordinates }, properties: propertiesOf(one) };
}

function propertiesOf(one: MapCamera): Properties {
  return { id: one.id, name: one.name, tone: one.tone };
}
