// How the map looks: the offline basemap when the network has one, else a plain ground with a graticule.

import type { ExpressionSpecification, LayerSpecification, StyleSpecification } from "maplibre-gl";
import { FONT, groundLayers } from "./ground";
import { graticule, pointsOf, sectorsOf, type MapCamera } from "./sectors";

export const BASEMAP = "/tiles/basemap.pmtiles";
const CLUSTER_TO_ZOOM = 15;
// Where no two cameras are one any more; farther away sectors would be specks.
const SECTORS_FROM_ZOOM = CLUSTER_TO_ZOOM + 1;
const STEP_DEG = 0.01;

export type Ground = { hasBasemap: boolean; bounds: [number, number, number, number] };

export async function hasBasemap(): Promise<boolean> {
  try {
    return (await fetch(BASEMAP, { method: "HEAD" })).ok;
  } catch {
    return false;
  }
}

export function makeStyle(ground: Ground, cameras: readonly MapCamera[], colour: (name: string) => string): StyleSpecification {
  return {
    version: 8,
    sources: {
      ...(ground.hasBasemap ? { basemap: { type: "vector" as const, url: `pmtiles://${new URL(BASEMAP, location.href).href}` } } : {}),
      lines: { type: "geojson", data: linesAround(ground.bounds) },
      cameras: {
        type: "geojson",
        data: pointsOf(cameras),
        promoteId: "id",
        cluster: true,
        clusterRadius: 46,
        clusterMaxZoom: CLUSTER_TO_ZOOM,
        clusterProperties: { bad: count("bad"), masked: count("masked") },
      },
      sectors: { type: "geojson", data: sectorsOf(cameras), promoteId: "id" },
      chosen: { type: "geojson", data: pointsOf([]) },
    },
    layers: [
      { id: "ground", type: "background", paint: { "background-color": colour(ground.hasBasemap ? "--map-beyond" : "--map-land") } },
      ...(ground.hasBasemap
        ? groundLayers(colour)
        : [{ id: "lines", type: "line" as const, source: "lines", paint: { "line-color": colour("--map-line"), "line-width": 1 } }]),
      ...cameraLayers(colour),
    ],
  };
}

function cameraLayers(colour: (name: string) => string): LayerSpecification[] {
  const toneColour = (tone: ExpressionSpecification): ExpressionSpecification => [
    "match", tone,
    "bad", colour("--bar-gap"),
    "masked", colour("--bar-masked"),
    "unknown", colour("--line-strong"),
    colour("--bar-recorded"),
  ];
  const byTone = toneColour(["get", "tone"]);
  // A sector's shape never changes with its camera's state, so it is not sent again.
  const sectorTone = toneColour(["coalesce", ["feature-state", "tone"], ["get", "tone"]]);
  const one: ExpressionSpecification = ["!", ["has", "point_count"]];
  return [
    { id: "sectors", type: "fill", source: "sectors", minzoom: SECTORS_FROM_ZOOM, paint: { "fill-color": sectorTone, "fill-opacity": 0.22 } },
    { id: "sector-edges", type: "line", source: "sectors", minzoom: SECTORS_FROM_ZOOM, paint: { "line-color": sectorTone, "line-opacity": 0.7, "line-width": 1 } },
    {
      id: "chosen", type: "circle", source: "chosen",
      paint: { "circle-radius": 14, "circle-color": "transparent", "circle-stroke-color": colour("--text"), "circle-stroke-width": 3 },
    },
    {
      id: "clusters", type: "circle", source: "cameras", filter: ["has", "point_count"],
      paint: {
        "circle-radius": ["step", ["get", "point_count"], 15, 20, 19, 100, 24, 1000, 30],
        "circle-color": colour("--panel"),
        "circle-stroke-width": 4,
        "circle-stroke-color": colour("--bar-recorded"),
      },
    },
    {
      id: "cluster-counts", type: "symbol", source: "cameras", filter: ["has", "point_count"],
      layout: { "text-field": ["to-string", ["get", "point_count"]], "text-size": 13, "text-font": FONT, "text-allow-overlap": true },
      paint: { "text-color": colour("--text") },
    },
    // How many of them are not well: one of hundreds shall be seen, and shall not colour the hundreds.
    ...badges("bad", colour("--bar-gap"), colour("--panel"), [">", ["get", "bad"], 0]),
    ...badges("masked", colour("--bar-masked"), colour("--panel"), ["all", ["==", ["get", "bad"], 0], [">", ["get", "masked"], 0]]),
    {
      id: "points", type: "circle", source: "cameras", filter: one,
      paint: { "circle-radius": 8, "circle-color": byTone, "circle-stroke-color": colour("--panel"), "circle-stroke-width": 2 },
    },
    {
      id: "signs", type: "symbol", source: "cameras", filter: one,
      layout: {
        "text-field": ["match", ["get", "tone"], "bad", "!", "masked", "–", "unknown", "?", ""],
        "text-size": 12, "text-font": FONT, "text-allow-overlap": true,
      },
      paint: { "text-color": colour("--panel") },
    },
  ];
}

function badges(tone: string, fill: string, text: string, filter: ExpressionSpecification): LayerSpecification[] {
  const many: ExpressionSpecification = ["all", ["has", "point_count"], filter];
  const offset: [number, number] = [15, -15];
  return [
    {
      id: `cluster-${tone}`, type: "circle", source: "cameras", filter: many,
      paint: { "circle-radius": 10, "circle-color": fill, "circle-stroke-color": text, "circle-stroke-width": 1.5, "circle-translate": offset },
    },
    {
      id: `cluster-${tone}-count`, type: "symbol", source: "cameras", filter: many,
      layout: {
        "text-field": ["case", [">", ["get", tone], 99], "99+", ["to-string", ["get", tone]]],
        "text-size": 10.5, "text-font": FONT, "text-allow-overlap": true,
      },
      paint: { "text-color": text, "text-translate": offset },
    },
  ];
}

function count(tone: string): [string, ExpressionSpecification] {
  return ["+", ["case", ["==", ["get", "tone"], tone], 1, 0]];
}

function linesAround([west, south, east, north]: [number, number, number, number]) {
  const step = Math.max(STEP_DEG, 10 ** Math.ceil(Math.log10(Math.max(east - west, north - south, 1e-6))) / 10);
  const margin = step * 10;
  return graticule(west - margin, south - margin, east + margin, north + margin, step);
}
