// The cameras that the person may see. The list is fetched now and then; what changes often comes with the health.

import { SvelteMap } from "svelte/reactivity";
import { api, ask, Problem, type Camera, type Health, type Trouble } from "../api/client";
import { Index } from "../search/match";
import { session } from "./session.svelte";

const LIST_EVERY_MS = 300_000;
const HEALTH_EVERY_MS = 5_000;

export type Standing = Pick<Trouble, "state" | "reason" | "since_us" | "view">;
export type Tone = "good" | "masked" | "bad" | "unknown";

class Cameras {
  all = $state.raw<readonly Camera[]>([]);
  byId = $state.raw<ReadonlyMap<string, Camera>>(new Map());
  health = $state.raw<Health | null>(null);
  problem = $state<Problem | null>(null);
  isLoaded = $state(false);
  readonly index = $derived(new Index(this.all));
  readonly zone = $derived(commonest(this.all.map((one) => one.zone)) ?? "UTC");
  readonly #troubles = new SvelteMap<string, Trouble>();

  /** Keep the list and the health fresh; the answer ends it. */
  follow(): () => void {
    void this.load().then(() => this.loadHealth());
    const list = setInterval(() => void this.load(), LIST_EVERY_MS);
    const health = setInterval(() => void this.loadHealth(), HEALTH_EVERY_MS);
    return () => {
      clearInterval(list);
      clearInterval(health);
    };
  }

  async load(): Promise<void> {
    await this.#asking(async () => {
      const { cameras } = await ask(api.GET("/api/v1/cameras"));
      this.all = cameras;
      this.byId = new Map(cameras.map((one) => [one.id, one]));
      this.isLoaded = true;
    });
  }

  async loadHealth(): Promise<void> {
    if (!session.may("read-health") || document.hidden) return;
    await this.#asking(async () => {
      const health = await ask(api.GET("/api/v1/health"));
      this.health = health;
      const now = new Set(health.troubles.map((one) => one.camera));
      for (const id of this.#troubles.keys()) if (!now.has(id)) this.#troubles.delete(id);
      for (const one of health.troubles) this.#troubles.set(one.camera, one);
    });
  }

  /** How a camera is: from the newest health where there is one, else from the list. */
  standing(camera: Camera): Standing {
    const trouble = this.#troubles.get(camera.id);
    if (trouble) return trouble;
    if (this.health === null) return camera;
    return { state: "recording", reason: "", since_us: null, view: null };
  }

  async #asking(work: () => Promise<void>): Promise<void> {
    try {
      await work();
      this.problem = null;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.problem = error;
    }
  }
}

/** One word of four for how a camera is. */
export function toneOf(standing: Standing): Tone {
  if (standing.state === "unknown" || standing.state === "connecting") return "unknown";
  if (standing.state !== "recording") return "bad";
  return standing.view === null || standing.view.state === "live" ? "good" : "masked";
}

function commonest(values: string[]): string | undefined {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0];
}

export const cameras = new Cameras();
