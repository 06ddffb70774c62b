// The one WebSocket of a page, on which all live tiles come.

import { parseLive, type LiveMessage } from "./messages";
import { TileNumbers } from "./pacing";

export type Sink = {
  message(message: LiveMessage): void;
  /** Whether the server can be heard. */
  connection(isOpen: boolean): void;
};

const FIRST_WAIT_MS = 500;
const MOST_WAIT_MS = 8_000;
export const MAX_TILES = 16;

export class LiveSocket {
  readonly #tiles = new Map<number, { camera: string; sink: Sink }>();
  readonly #numbers = new TileNumbers();
  #socket: WebSocket | null = null;
  #wait_ms = FIRST_WAIT_MS;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isWishDue = false;

  constructor(readonly url: string) {}

  /** Watch a camera; the answer ends it. Errors: RangeError when sixteen are watched. */
  watch(camera: string, sink: Sink): () => void {
    if (this.#tiles.size >= MAX_TILES) throw new RangeError(`a page watches at most ${String(MAX_TILES)} cameras`);
    const number = this.#numbers.take();
    this.#tiles.set(number, { camera, sink });
    sink.connection(this.#socket?.readyState === WebSocket.OPEN);
    this.#wish();
    return () => {
      this.#tiles.delete(number);
      this.#numbers.give(number);
      this.#wish();
    };
  }

  /** One message for all that changes in one go. */
  #wish(): void {
    if (this.#isWishDue) return;
    this.#isWishDue = true;
    queueMicrotask(() => {
      this.#isWishDue = false;
      if (this.#tiles.size === 0) this.#close();
      else if (this.#socket?.readyState === WebSocket.OPEN) this.#send(this.#socket);
      else if (this.#socket === null && this.#timer === undefined) this.#open();
    });
  }

  #send(socket: WebSocket): void {
    const watch = [...this.#tiles].map(([tile, { camera }]) => ({ tile, camera }));
    socket.send(JSON.stringify({ watch }));
  }

  #open(): void {
    const socket = new WebSocket(this.url);
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      this.#wait_ms = FIRST_WAIT_MS;
      this.#tell(true);
      this.#send(socket);
    };
    socket.onmessage = (event: MessageEvent<unknown>) => {
      const message = event.data instanceof ArrayBuffer ? parseLive(event.data) : null;
      if (message) this.#tiles.get(message.tile)?.sink.message(message);
    };
    socket.onclose = () => {
      if (this.#socket !== socket) return;
      this.#socket = null;
      this.#tell(false);
      this.#timer = setTimeout(() => this.#again(), this.#wait_ms * (0.75 + Math.random() / 2));
      this.#wait_ms = Math.min(this.#wait_ms * 2, MOST_WAIT_MS);
    };
  }

  #again(): void {
    this.#timer = undefined;
    if (this.#tiles.size > 0) this.#open();
  }

  #tell(isOpen: boolean): void {
    for (const { sink } of this.#tiles.values()) sink.connection(isOpen);
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
);
