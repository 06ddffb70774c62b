// Plays one live view in a <video> by Media Source Extensions, a fragment a picture.

import { decodeTimes, ticksPerSecond } from "../playback/boxes";
import { paceOf } from "./pacing";

/** A leap of the media time by more than this is another beginning. */
const ANEW_S = 60;
const KEEP_S = 6;
const PRUNE_OVER_S = 12;
/** More than this unappended is cut to the next key fragment. */
const MAX_WAITING = 24;

type Waiting = { data: Uint8Array<ArrayBuffer>; start_s: number; capture_us: number; isKey: boolean };
type Shown = { start_s: number; capture_us: number };

export class LivePlayer {
  #media: MediaSource | null = null;
  #buffer: SourceBuffer | null = null;
  #address = "";
  #ticksPerS = 0;
  #first: number | null = null;
  #waiting: Waiting[] = [];
  #captures: Shown[] = [];
  #needsKey = true;
  #picture_s = 0.125;
  #frameRequest = 0;
  #beginning: { codec: string; segment: Uint8Array } | null = null;

  /** `shown`: called with the capture time of each picture as it comes on the screen. */
  constructor(
    readonly video: HTMLVideoElement,
    readonly shown: (capture_us: number) => void,
    readonly failed: () => void,
  ) {
    this.#watchFrames();
  }

  /** Begin with this codec; the same beginning again, which comes before each key fragment, changes nothing. */
  init(codec: string, segment: Uint8Array<ArrayBuffer>): void {
    if (this.#media !== null && this.#beginning?.codec === codec && isSame(this.#beginning.segment, segment)) return;
    this.#forget();
    this.#beginning = { codec, segment };
    const type = `video/mp4; codecs="${codec}"`;
    const ticks = ticksPerSecond(segment);
    if (ticks === undefined || !MediaSource.isTypeSupported(type)) {
      this.failed();
      return;
    }
    this.#ticksPerS = ticks;
    const media = new MediaSource();
    this.#media = media;
    this.#address = URL.createObjectURL(media);
    this.video.src = this.#address;
    media.onsourceopen = () => {
      if (this.#media !== media) return;
      const buffer = media.addSourceBuffer(type);
      this.#buffer = buffer;
      buffer.onupdateend = () => this.#step();
      buffer.onerror = () => this.failed();
      buffer.appendBuffer(segment);
    };
  }

  /** What comes before an init, or while a key fragment is waited for, is passed over. */
  fragment(data: Uint8Array<ArrayBuffer>, isKey: boolean, capture_us: number): void {
    if (this.#media === null || (this.#needsKey && !isKey)) return;
    const time = decodeTimes(data)[0];
    if (time === undefined) return;
    this.#first ??= time;
    const start_s = (time - this.#first) / this.#ticksPerS;
    // A veiler that began anew counts from elsewhere.
    const last = this.#captures.at(-1);
    if (last && Math.abs(start_s - last.start_s) > ANEW_S && this.#beginning) {
      const { codec, segment } = this.#beginning;
      this.#forget();
      this.init(codec, segment as Uint8Array<ArrayBuffer>);
      if (isKey) this.fragment(data, isKey, capture_us);
      return;
    }
    this.#needsKey = false;
    const before = this.#captures.at(-1);
    if (before && start_s > before.start_s) this.#picture_s = Math.min(2, start_s - before.start_s);
    this.#captures.push({ start_s, capture_us });
    if (this.#captures.length > 200) this.#captures.splice(0, 100);
    this.#waiting.push({ data, start_s, capture_us, isKey });
    this.#cut();
    this.#step();
  }

  /** Show nothing more. */
  end(): void {
    this.video.cancelVideoFrameCallback(this.#frameRequest);
    this.#forget();
  }

  /** Where too much waits, only what follows the newest key fragment still matters. */
  #cut(): void {
    if (this.#waiting.length <= MAX_WAITING) return;
    const key = this.#waiting.findLastIndex((one) => one.isKey);
    this.#waiting = key >= 0 ? this.#waiting.slice(key) : [];
    this.#needsKey = key < 0;
  }

  #step(): void {
    const buffer = this.#buffer;
    if (buffer === null || buffer.updating || this.#media?.readyState !== "open") return;
    if (this.#first !== null && buffer.timestampOffset === 0) buffer.timestampOffset = -this.#first / this.#ticksPerS;
    this.#pace(buffer);
    const current = this.video.currentTime;
    if (buffer.buffered.length > 0 && current - buffer.buffered.start(0) > PRUNE_OVER_S) {
      buffer.remove(0, current - KEEP_S);
      return;
    }
    const next = this.#waiting.shift();
    if (next === undefined) return;
    try {
      buffer.appendBuffer(next.data);
    } catch {
      this.failed();
    }
  }

  #pace(buffer: SourceBuffer): void {
    const ranges = buffer.buffered;
    if (ranges.length === 0) return;
    const video = this.video;
    const pace = paceOf(video.currentTime, ranges.end(ranges.length - 1), this.#picture_s);
    if (pace.kind === "jump") video.currentTime = Math.max(pace.to_s, ranges.start(ranges.length - 1));
    else if (video.playbackRate !== pace.rate) video.playbackRate = pace.rate;
    if (video.paused) void video.play().catch(() => undefined);
  }

  #watchFrames(): void {
    this.#frameRequest = this.video.requestVideoFrameCallback((_, frame) => {
      const found = this.#captures.findLast((one) => one.start_s <= frame.mediaTime + 0.01);
      if (found) this.shown(found.capture_us);
      this.#watchFrames();
    });
  }

  #forget(): void {
    this.#media = null;
    this.#buffer = null;
    this.#first = null;
    this.#waiting = [];
    this.#captures = [];
    this.#needsKey = true;
    if (this.#address) {
      URL.revokeObjectURL(this.#address);
      this.#address = "";
      this.video.removeAttribute("src");
      this.video.load();
    }
  }
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, n) => byte === b[n]);
}
