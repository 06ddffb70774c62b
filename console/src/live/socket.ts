// The one WebSocket of a page, on which all live tiles come.

import { parseLive, type LiveMessage } from "./messages";
import { session } from "../state/session.svelte";
import { TileNumbers } from "./pacing";

export type Sink = {
  message(message: LiveMessage): void;
  /** Whether the server can be heard. */
  connection(isOpen: boolean): void;
};

const FIRST_WAIT_MS = 500;
const MOST_WAIT_MS = 8_000;
export const MAX_TILES = 16;

const SESSION_ENDED = 4401;
type Watched = { camera: string; sink: Sink; number: number | null };

export class LiveSocket {
  readonly #watched = new Set<Watched>();
  #numbers = new TileNumbers(MAX_TILES);
  #byNumber = new Map<number, Watched>();
  #socket: WebSocket | null = null;
  #wait_ms = FIRST_WAIT_MS;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isWishDue = false;

  constructor(
    readonly url: string,
    readonly sessionEnded: () => void,
  ) {}

  /** Watch a camera; the answer ends it. Errors: RangeError when sixteen are watched. */
  watch(camera: string, sink: Sink): () => void {
    if (this.#watched.size >= MAX_TILES) throw new RangeError(`a page watches at most ${String(MAX_TILES)} cameras`);
    const watched: Watched = { camera, sink, number: null };
    this.#watched.add(watched);
    sink.connection(this.#socket?.readyState === WebSocket.OPEN);
    this.#wish();
    return () => {
      this.#watched.delete(watched);
      if (watched.number !== null) {
        this.#byNumber.delete(watched.number);
        this.#numbers.free(watched.number);
      }
      this.#wish();
    };
  }

  /** One message for all that changes in one go. */
  #wish(): void {
    if (this.#isWishDue) return;
    this.#isWishDue = true;
    queueMicrotask(() => {
      this.#isWishDue = false;
      if (this.#watched.size === 0) this.#close();
      else if (this.#socket === null && this.#timer === undefined) this.#open();
      else if (this.#socket?.readyState === WebSocket.OPEN) this.#send(this.#socket);
    });
  }

  #send(socket: WebSocket): void {
    for (const watched of this.#watched) {
      if (watched.number !== null) continue;
      const number = this.#numbers.take(watched.camera);
      if (number === null) {
        // Every number had another camera on this connection: begin a new one.
        this.#open();
        return;
      }
      watched.number = number;
      this.#byNumber.set(number, watched);
    }
    const watch = [...this.#byNumber].map(([tile, { camera }]) => ({ tile, camera }));
    socket.send(JSON.stringify({ watch }));
  }

  #open(): void {
    const before = this.#socket;
    const socket = new WebSocket(this.url);
    this.#socket = socket;
    before?.close();
    this.#numbers = new TileNumbers(MAX_TILES);
    this.#byNumber = new Map();
    for (const watched of this.#watched) watched.number = null;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      if (this.#socket !== socket) return;
      this.#wait_ms = FIRST_WAIT_MS;
      this.#tell(true);
      this.#send(socket);
    };
    socket.onmessage = (event: MessageEvent<unknown>) => {
      if (this.#socket !== socket) return;
      const message = event.data instanceof ArrayBuffer ? parseLive(event.data) : null;
      if (message) this.#byNumber.get(message.tile)?.sink.message(message);
    };
    socket.onclose = (event) => {
      if (this.#socket === socket) this.#lost(event.code);
    };
  }

  #lost(code: number): void {
    this.#socket = null;
    this.#tell(false);
    if (code === SESSION_ENDED) this.sessionEnded();
    this.#timer = setTimeout(() => this.#again(), this.#wait_ms * (0.75 + Math.random() / 2));
    this.#wait_ms = Math.min(this.#wait_ms * 2, MOST_WAIT_MS);
  }

  #again(): void {
    this.#timer = undefined;
    if (this.#watched.size > 0) this.#open();
  }

  #tell(isOpen: boolean): void {
    for (const { sink } of this.#watched) sink.connection(isOpen);
  }

  #close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }
}

export const live = new LiveSocket(
  `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/v1/live`,
  () => void session.find(),
);
