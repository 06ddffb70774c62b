// MapLibre with cameras as layers, so that thousands move smoothly.

import { addProtocol, Map as MapLibre, setWorkerUrl, type GeoJSONSource, type MapMouseEvent } from "maplibre-gl";
import workerUrl from "maplibre-gl/dist/maplibre-gl-worker.mjs?worker&url";
import { Protocol } from "pmtiles";
import { boundsOf, changedTones, pointsOf, sectorsOf, type MapCamera } from "./sectors";
import { makeStyle, type Ground } from "./style";

const FIT = { padding: 56, maxZoom: 17, animate: false };
const CLOSE_ZOOM = 16.5;
const WORLD: [number, number, number, number] = [-10, 35, 30, 60];

setWorkerUrl(workerUrl);
addProtocol("pmtiles", new Protocol().tile);

type Told = { chosen: (id: string | null) => void; moved: (ids: string[]) => void };

export class CameraMap {
  readonly #map: MapLibre;
  #cameras: readonly MapCamera[] = [];
  #isReady = false;

  constructor(
    container: HTMLElement,
    cameras: readonly MapCamera[],
    ground: Omit<Ground, "bounds">,
    readonly told: Told,
  ) {
    this.#cameras = cameras;
    const bounds = boundsOf(cameras) ?? WORLD;
    this.#map = new MapLibre({
      container,
      bounds,
      fitBoundsOptions: FIT,
      style: makeStyle({ ...ground, bounds }, cameras, colourOf(container)),
      attributionControl: false,
      maplibreLogo: false,
      dragRotate: false,
      pitchWithRotate: false,
      fadeDuration: 0,
      renderWorldCopies: false,
    });
    this.#map.touchZoomRotate.disableRotation();
    this.#map.keyboard.disableRotation();
    this.#map.on("sourcedata", this.#noteDrawn);
    this.#map.on("load", () => {
      this.#isReady = true;
      this.#tellMoved();
    });
    this.#map.on("moveend", () => this.#tellMoved());
    this.#map.on("click", (event) => void this.#click(event));
    this.#map.on("mousemove", (event) => this.#point(event));
  }

  /** Other cameras or other states, at the same place; only what changed goes to the worker. */
  set(cameras: readonly MapCamera[]): void {
    if (!this.#isReady) {
      void this.#map.once("load", () => this.set(cameras));
      return;
    }
    const changed = changedTones(this.#cameras, cameras);
    if (changed?.length === 0) return;
    this.#cameras = cameras;
    if (changed === null) {
      this.#map.getSource<GeoJSONSource>("cameras")?.setData(pointsOf(cameras));
      this.#map.removeFeatureState({ source: "sectors" });
      this.#map.getSource<GeoJSONSource>("sectors")?.setData(sectorsOf(cameras));
      this.#tellMoved();
      return;
    }
    const update = changed.map(({ id, tone }) => ({ id, addOrUpdateProperties: [{ key: "tone", value: tone }] }));
    void this.#map.getSource<GeoJSONSource>("cameras")?.updateData({ update });
    for (const { id, tone } of changed) this.#map.setFeatureState({ source: "sectors", id }, { tone });
  }

  choose(id: string | null, isToBeShown: boolean): void {
    const found = this.#cameras.find((one) => one.id === id);
    const mark = () => this.#map.getSource<GeoJSONSource>("chosen")?.setData(pointsOf(found ? [found] : []));
    if (this.#isReady) mark();
    else void this.#map.once("load", mark);
    if (found && isToBeShown) {
      const center: [number, number] = [found.longitude_e7 / 1e7, found.latitude_e7 / 1e7];
      this.#map.jumpTo({ center, zoom: Math.max(this.#map.getZoom(), CLOSE_ZOOM) });
    }
  }

  zoom(by: number): void {
    this.#map.zoomTo(this.#map.getZoom() + by, { duration: 150 });
  }

  fit(): void {
    const bounds = boundsOf(this.#cameras);
    if (bounds) this.#map.fitBounds(bounds, FIT);
  }

  resize(): void {
    this.#map.resize();
  }

  end(): void {
    this.#map.remove();
  }

  /** From when on the map is of use; benchmarks read the mark. */
  readonly #noteDrawn = (event: { sourceId?: string; isSourceLoaded?: boolean }): void => {
    if (event.sourceId !== "cameras" || !event.isSourceLoaded || this.#map.queryRenderedFeatures({ layers: ["points", "clusters"] }).length === 0) return;
    this.#map.off("sourcedata", this.#noteDrawn);
    void this.#map.once("render", () => performance.mark("cameras-drawn"));
    this.#map.triggerRepaint();
  };

  /** The hand over what can be clicked; not looked for while the map moves, since looking costs a frame. */
  #point(event: MapMouseEvent): void {
    if (this.#map.isMoving() || event.originalEvent.buttons !== 0) return;
    const found = this.#map.queryRenderedFeatures(event.point, { layers: ["points", "clusters"] });
    this.#map.getCanvas().style.cursor = found.length > 0 ? "pointer" : "";
  }

  async #click(event: MapMouseEvent): Promise<void> {
    const [feature] = this.#map.queryRenderedFeatures(
      [
        [event.point.x - 6, event.point.y - 6],
        [event.point.x + 6, event.point.y + 6],
      ],
      { layers: ["points", "clusters"] },
    );
    const cluster: unknown = feature?.properties["cluster_id"];
    if (feature?.geometry.type === "Point" && typeof cluster === "number") {
      const zoom = await this.#map.getSource<GeoJSONSource>("cameras")?.getClusterExpansionZoom(cluster);
      this.#map.easeTo({ center: feature.geometry.coordinates as [number, number], zoom: (zoom ?? 12) + 0.2, duration: 250 });
      return;
    }
    const id: unknown = feature?.properties["id"];
    this.told.chosen(typeof id === "string" ? id : null);
  }

  #tellMoved(): void {
    const bounds = this.#map.getBounds();
    const seen = this.#cameras.filter((one) => bounds.contains([one.longitude_e7 / 1e7, one.latitude_e7 / 1e7]));
    this.told.moved(seen.map((one) => one.id));
  }
}

function colourOf(element: HTMLElement): (name: string) => string {
  const style = getComputedStyle(element);
  return (name) => style.getPropertyValue(name).trim();
}
