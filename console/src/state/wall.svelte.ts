// The wall of this page: how many tiles, which cameras; kept by the server so that it comes back as it was.

import { api, ask, Problem, type Layout } from "../api/client";
import { cameras } from "./cameras.svelte";
import { session } from "./session.svelte";

export type Grid = 1 | 4 | 9 | 16;
export const GRIDS: readonly Grid[] = [1, 4, 9, 16];
const LAST = "last";
const KEEP_AFTER_MS = 400;

class Wall {
  grid = $state<Grid>(4);
  tiles = $state<(string | null)[]>([]);
  layouts = $state<Layout[]>([]);
  focus = $state(0);
  isLoaded = $state(false);
  problem = $state<Problem | null>(null);
  readonly saved = $derived(this.layouts.filter((one) => one.name !== LAST).sort((a, b) => (a.name < b.name ? -1 : 1)));
  readonly shown = $derived(Array.from({ length: this.grid }, (_, n) => this.tiles[n] ?? null));
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** As it was; the first cameras where there was nothing yet. */
  async load(): Promise<void> {
    if (this.isLoaded) return;
    await this.#asking(async () => {
      if (session.may("keep-layouts")) this.layouts = (await ask(api.GET("/api/v1/layouts"))).layouts;
      const last = this.layouts.find((one) => one.name === LAST);
      if (last) this.#show(last);
      else this.tiles = cameras.all.slice(0, this.grid).map((one) => one.id);
      this.isLoaded = true;
    });
  }

  choose(grid: Grid): void {
    this.grid = grid;
    this.focus = Math.min(this.focus, grid - 1);
    this.#keepSoon();
  }

  place(tile: number, camera: string | null): void {
    const tiles = [...this.shown];
    tiles[tile] = camera;
    this.tiles = [...tiles, ...this.tiles.slice(this.grid)];
    this.#keepSoon();
  }

  open(layout: Layout): void {
    this.#show(layout);
    this.#keepSoon();
  }

  async save(name: string): Promise<void> {
    await this.#asking(() => this.#keep(name));
  }

  async remove(name: string): Promise<void> {
    await this.#asking(async () => {
      await ask(api.DELETE("/api/v1/layouts/{name}", { params: { path: { name } } }));
      this.layouts = this.layouts.filter((one) => one.name !== name);
    });
  }

  #show(layout: Layout): void {
    this.grid = layout.grid;
    this.tiles = [...layout.tiles];
    this.focus = 0;
  }

  #keepSoon(): void {
    if (!session.may("keep-layouts")) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.save(LAST), KEEP_AFTER_MS);
  }

  async #keep(name: string): Promise<void> {
    const body = { grid: this.grid, tiles: this.shown };
    const layout = await ask(api.PUT("/api/v1/layouts/{name}", { params: { path: { name } }, body }));
    this.layouts = [...this.layouts.filter((one) => one.name !== name), layout];
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

export const wall = new Wall();
