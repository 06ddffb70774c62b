// Plays recorded de-identified views of one camera along a transport's clock.

import { fetchRendition, listRenditions, Problem, type Rendition } from "../api/client";
import { decodeTimes, ticksPerSecond } from "./boxes";
import type { Transport } from "./transport.svelte";

const PAGE_US = 3_600_000_000;
const AHEAD_US = 20_000_000;
const KEEP_S = 600;
/** Media times are counted from this long before the first moment, so that going back stays above zero. */
const BASE_US = 30 * 86_400_000_000;
const TICK_MS = 120;

export type Playing = "ready" | "waiting" | "nothing" | "failed";

export class RecordedPlayer {
  readonly #base_us: number;
  readonly #pages = new Map<number, Promise<Rendition[]>>();
  readonly #known = new Map<number, Rendition[]>();
  readonly #loaded = new Map<number, number[]>();
  readonly #abort = new AbortController();
  readonly #media = new MediaSource();
  readonly #address: string;
  #buffer: SourceBuffer | null = null;
  #loading: number | null = null;
  #failed = new Set<number>();

  constructor(
    readonly video: HTMLVideoElement,
    readonly camera: string,
    readonly transport: Transport,
    readonly told: (playing: Playing) => void,
  ) {
    this.#base_us = Math.max(0, Math.floor(transport.at_us / 1e6) * 1e6 - BASE_US);
    this.#address = URL.createObjectURL(this.#media);
    video.src = this.#address;
  }

  /** Let it follow the clock; the answer ends it. */
  run(): () => void {
    const timer = setInterval(() => this.#tick(), TICK_MS);
    return () => {
      clearInterval(timer);
      this.#abort.abort();
      this.transport.wait(this, false);
      URL.revokeObjectURL(this.#address);
      this.video.removeAttribute("src");
      this.video.load();
    };
  }

  /** The time of the next or last picture. */
  stepFrom(us: number, direction: 1 | -1): number | undefined {
    const times = [...this.#loaded.values()].flat().sort((a, b) => a - b);
    return direction === 1 ? times.find((time) => time > us + 1000) : times.findLast((time) => time < us - 1000);
  }

  #tick(): void {
    const at = this.transport.at_us;
    const object = this.#objectAt(at);
    if (object === "unknown") {
      this.#tell("waiting");
      return;
    }
    if (object === undefined) {
      this.#tell("nothing");
      this.video.pause();
      return;
    }
    if (this.#failed.has(object.start_us)) {
      this.#tell("failed");
      return;
    }
    if (!this.#loaded.has(object.start_us)) {
      this.#tell("waiting");
      this.#load(object);
      return;
    }
    this.#tell("ready");
    this.#follow(at);
    const ahead = this.#objectAt(at + AHEAD_US * Math.sign(this.transport.rate) * Math.max(1, Math.abs(this.transport.rate)));
    if (ahead && ahead !== "unknown" && !this.#loaded.has(ahead.start_us)) this.#load(ahead);
  }

  #tell(playing: Playing): void {
    this.transport.wait(this, playing === "waiting");
    this.told(playing);
  }

  #follow(at_us: number): void {
    const { video, transport } = this;
    const wanted_s = (at_us - this.#base_us) / 1e6;
    const drift_s = video.currentTime - wanted_s;
    const runs = transport.isPlaying && transport.rate > 0;
    if (runs) {
      if (video.playbackRate !== transport.rate) video.playbackRate = transport.rate;
      if (Math.abs(drift_s) > 0.4 * Math.max(1, transport.rate) && !video.seeking) video.currentTime = wanted_s;
      if (video.paused) void video.play().catch(() => undefined);
      return;
    }
    if (!video.paused) video.pause();
    if (Math.abs(drift_s) > 0.02 && !video.seeking) video.currentTime = wanted_s;
  }

  #objectAt(us: number): Rendition | undefined | "unknown" {
    const page = Math.floor(us / PAGE_US);
    const known = this.#known.get(page);
    if (known === undefined) {
      void this.#fetchPage(page);
      return "unknown";
    }
    return known.find((one) => one.start_us <= us && us < one.end_us);
  }

  async #fetchPage(page: number): Promise<void> {
    if (this.#pages.has(page)) return;
    const answer = listRenditions(this.camera, page * PAGE_US, (page + 1) * PAGE_US, this.#abort.signal);
    this.#pages.set(page, answer);
    try {
      this.#known.set(page, await answer);
      // The present hour grows.
      if ((page + 1) * PAGE_US > this.transport.now()) setTimeout(() => this.#forgetPage(page), 10_000);
    } catch (error) {
      // A server without recorded renditions answers 404: then there are none.
      if (error instanceof Problem && error.status === 404) this.#known.set(page, []);
      else setTimeout(() => this.#pages.delete(page), 3000);
    }
  }

  #forgetPage(page: number): void {
    this.#pages.delete(page);
    this.#known.delete(page);
  }

  #load(object: Rendition): void {
    if (this.#loading !== null || this.#failed.has(object.start_us)) return;
    this.#loading = object.start_us;
    void this.#append(object)
      .catch(() => {
        if (!this.#abort.signal.aborted) this.#failed.add(object.start_us);
      })
      .finally(() => (this.#loading = null));
  }

  async #append(object: Rendition): Promise<void> {
    const data = await fetchRendition(object.stream, object.start_us, this.#abort.signal);
    const ticks = ticksPerSecond(data);
    const times = decodeTimes(data);
    const first = times[0];
    if (ticks === undefined || first === undefined) throw new Error("a rendition without pictures");
    const buffer = await this.#bufferFor(`video/mp4; codecs="${object.codec}"`);
    buffer.timestampOffset = (object.start_us - this.#base_us) / 1e6 - first / ticks;
    await done(buffer, () => buffer.appendBuffer(data));
    this.#loaded.set(
      object.start_us,
      times.map((time) => object.start_us + ((time - first) / ticks) * 1e6),
    );
    await this.#prune(buffer);
  }

  async #bufferFor(type: string): Promise<SourceBuffer> {
    if (this.#buffer) {
      this.#buffer.changeType(type);
      return this.#buffer;
    }
    if (this.#media.readyState !== "open") {
      await new Promise((resolve) => this.#media.addEventListener("sourceopen", resolve, { once: true }));
    }
    this.#buffer ??= this.#media.addSourceBuffer(type);
    return this.#buffer;
  }

  async #prune(buffer: SourceBuffer): Promise<void> {
    const at_s = (this.transport.at_us - this.#base_us) / 1e6;
    for (const start_us of [...this.#loaded.keys()]) {
      const start_s = (start_us - this.#base_us) / 1e6;
      if (Math.abs(start_s - at_s) <= KEEP_S) continue;
      const next = Math.min(...[...this.#loaded.keys()].filter((one) => one > start_us), Infinity);
      const end_s = Number.isFinite(next) ? (next - this.#base_us) / 1e6 : start_s + KEEP_S / 2;
      this.#loaded.delete(start_us);
      await done(buffer, () => buffer.remove(start_s, Math.max(end_s, start_s + 0.001)));
    }
  }
}

async function done(buffer: SourceBuffer, act: () => void): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    buffer.addEventListener("updateend", () => resolve(), { once: true });
    buffer.addEventListener("error", () => reject(new Error("the browser cannot play this")), { once: true });
    act();
  });
}
