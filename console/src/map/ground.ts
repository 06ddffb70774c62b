// The ground that cameras stand on: quiet, without signs, so that nothing on it is taken for a camera.

import type { ExpressionSpecification, LayerSpecification } from "maplibre-gl";

type Colour = (name: string) => string;

export const FONT = ["Inter Variable", "Noto Sans Arabic Variable"];
const SOURCE = "basemap";

/** Widths in pixels at zoom 10, 13, 16 and 19, by kind of street. */
const WIDTHS: Record<string, [number, number, number, number]> = {
  motorway: [1.4, 3.2, 9, 34],
  major: [1.1, 2.8, 8, 30],
  medium: [0.6, 1.9, 6.5, 26],
  minor: [0, 0.9, 4.6, 20],
  walk: [0, 0.8, 3.6, 16],
  service: [0, 0, 2.4, 10],
  path: [0, 0, 1, 2.5],
};

/** All layers of the basemap, from below to above; names come last. */
export function groundLayers(colour: Colour): LayerSpecification[] {
  return [...areas(colour), ...lines(colour), ...names(colour)];
}

function areas(colour: Colour): LayerSpecification[] {
  const land: ExpressionSpecification = [
    "match", ["get", "kind"],
    "built", colour("--map-built"),
    "green", colour("--map-green"),
    "sand", colour("--map-sand"),
    "square", colour("--map-square"),
    colour("--map-land"),
  ];
  return [
    layer("land", "land", { type: "fill", layout: { "fill-sort-key": ["get", "rank"] }, paint: { "fill-color": land } }),
    layer("water", "water", { type: "fill", paint: { "fill-color": colour("--map-water") } }),
    layer("waterways", "waterways", {
      type: "line",
      paint: { "line-color": colour("--map-water"), "line-width": ["interpolate", ["exponential", 1.5], ["zoom"], 10, 1, 18, 8] },
    }),
    layer("buildings", "buildings", {
      type: "fill",
      minzoom: 14,
      paint: {
        "fill-color": colour("--map-building"),
        "fill-outline-color": colour("--map-building-edge"),
        "fill-opacity": ["interpolate", ["linear"], ["zoom"], 14, 0, 15, 1],
      },
    }),
  ];
}

function lines(colour: Colour): LayerSpecification[] {
  const round = { "line-cap": "round", "line-join": "round", "line-sort-key": ["get", "rank"] } as const;
  const isPath: ExpressionSpecification = ["==", ["get", "kind"], "path"];
  return [
    layer("street-edges", "streets", {
      type: "line",
      minzoom: 13,
      filter: ["!", isPath],
      layout: round,
      paint: { "line-color": colour("--map-street-edge"), "line-width": widths(1.6) },
    }),
    layer("paths", "streets", {
      type: "line",
      minzoom: 15,
      filter: isPath,
      layout: round,
      paint: { "line-color": colour("--map-street-edge"), "line-width": widths(0), "line-dasharray": [2, 2] },
    }),
    layer("streets", "streets", {
      type: "line",
      filter: ["!", isPath],
      layout: round,
      paint: { "line-color": colour("--map-street"), "line-width": widths(0) },
    }),
    layer("rail", "rail", {
      type: "line",
      paint: { "line-color": colour("--map-rail"), "line-width": ["interpolate", ["linear"], ["zoom"], 11, 0.6, 18, 1.8] },
    }),
  ];
}

function names(colour: Colour): LayerSpecification[] {
  const paint = { "text-color": colour("--map-label"), "text-halo-color": colour("--map-halo"), "text-halo-width": 1.4 };
  return [
    layer("street-names", "streets", {
      type: "symbol",
      minzoom: 14,
      filter: ["has", "name"],
      layout: {
        "symbol-placement": "line",
        "symbol-spacing": 360,
        "text-field": ["get", "name"],
        "text-font": FONT,
        "text-size": ["interpolate", ["linear"], ["zoom"], 14, 10.5, 18, 13],
        "text-max-angle": 30,
        "text-padding": 6,
        "symbol-sort-key": ["-", 0, ["get", "rank"]],
      },
      paint,
    }),
    layer("places", "places", {
      type: "symbol",
      layout: {
        "text-field": ["get", "name"],
        "text-font": FONT,
        "text-size": ["match", ["get", "kind"], ["city", "town"], 15, ["square", "station"], 11.5, 12.5],
        "text-max-width": 8,
        "text-padding": 8,
        "symbol-sort-key": ["get", "rank"],
      },
      paint,
    }),
  ];
}

function widths(more: number): ExpressionSpecification {
  const at = (step: number): ExpressionSpecification => [
    "match", ["get", "kind"],
    ...Object.entries(WIDTHS).flatMap(([kind, width]) => [kind, (width[step] ?? 0) + (width[step] ? more : 0)]),
    1,
  ] as unknown as ExpressionSpecification;
  return ["interpolate", ["exponential", 1.6], ["zoom"], 10, at(0), 13, at(1), 16, at(2), 19, at(3)];
}

function layer(id: string, from: string, rest: object): LayerSpecification {
  return { id: `ground-${id}`, source: SOURCE, "source-layer": from, ...rest } as LayerSpecification;
}
