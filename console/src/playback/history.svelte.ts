// What is known of a camera's recorded time, by whole days of the site's clock, fetched a week at a time.

import { api, ask, Problem, type Camera } from "../api/client";
import { session } from "../state/session.svelte";
import { addDays, startOfDay } from "../time/zone";
import type { Spans } from "./spans";

const WEEK_US = 7 * 86_400_000_000;
const MOST_DAYS = 7;
const AGAIN_MS = 30_000;

export class History {
  readonly camera: Camera;
  readonly zone: string;
  spans = $state.raw<Spans>({ recorded: [], gaps: [], masked: [] });
  /** Whether any recorder has told when the view was masked. */
  isMaskKnown = $state(true);
  problem = $state<Problem | null>(null);
  /** The last day that is listed. */
  end_us = $state(0);
  now_us = $state(0);
  readonly days = $derived.by(() => {
    const kept = this.now_us - this.camera.retention_us;
    const days: { from_us: number; to_us: number }[] = [];
    for (let from_us = startOfDay(this.end_us, this.zone); days.length < MOST_DAYS; ) {
      const to_us = addDays(from_us, 1, this.zone);
      if (to_us <= kept) break;
      days.push({ from_us, to_us });
      from_us = addDays(from_us, -1, this.zone);
    }
    return days;
  });
  readonly hasEarlier = $derived.by(
    () => (this.days.at(-1)?.from_us ?? 0) > this.now_us - this.camera.retention_us,
  );
  readonly hasLater = $derived.by(() => startOfDay(this.end_us, this.zone) < startOfDay(this.now_us, this.zone));
  constructor(camera: Camera) {
    this.camera = camera;
    this.zone = camera.zone;
    this.now_us = session.time_us();
    this.end_us = this.now_us;
  }

  /** Fetch, and again while the present day is listed; the answer ends it. */
  run(): () => void {
    void this.fetch();
    const timer = setInterval(() => {
      this.now_us = session.time_us();
      if (!this.hasLater && !document.hidden) void this.fetch();
    }, AGAIN_MS);
    return () => clearInterval(timer);
  }

  async page(days: number): Promise<void> {
    const moved = addDays(this.end_us, days, this.zone);
    this.end_us = Math.min(moved, session.time_us());
    await this.fetch();
  }

  /** List the days so that this moment is among them. */
  async show(us: number): Promise<void> {
    const oldest = this.days.at(-1)?.from_us ?? 0;
    const newest = this.days[0]?.to_us ?? 0;
    if (us >= oldest && us < newest) return;
    this.end_us = Math.min(us, session.time_us());
    await this.fetch();
  }

  async fetch(): Promise<void> {
    const from_us = this.days.at(-1)?.from_us;
    const to_us = this.days[0]?.to_us;
    if (from_us === undefined || to_us === undefined) return;
    // A week in which clocks go back is an hour longer than a request may be.
    const begin = Math.max(from_us, to_us - WEEK_US);
    const path = { camera: this.camera.id };
    try {
      const query = { from_us: begin, to_us };
      const found = await ask(api.GET("/api/v1/cameras/{camera}/timeline", { params: { path, query } }));
      this.spans = { ...found, masked: found.masked ?? [] };
      this.isMaskKnown = found.masked !== null;
      this.problem = null;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.problem = error;
    }
  }
}
