// How far a live picture lags behind what has come, and what to do about it.

export type Pace = { kind: "play"; rate: number } | { kind: "jump"; to_s: number };

/** The store of pictures that hides the network's unevenness. */
export const HOLD_S = 0.3;
/** A tile further behind than this is cut to the newest picture. */
export const BEHIND_S = 1;
const SLACK_S = 0.1;

/**
 * What the player should do now. `end_s`: the end of what is buffered; `picture_s`: how long one picture lasts, which a
 * veiler under load makes longer: one picture more is held then, and the jump comes later.
 */
export function paceOf(current_s: number, end_s: number, picture_s: number): Pace {
  const hold = Math.max(HOLD_S, picture_s * 1.5);
  const behind = end_s - current_s;
  if (behind > BEHIND_S + picture_s * 2 || behind < -SLACK_S) return { kind: "jump", to_s: Math.max(0, end_s - hold) };
  if (behind > hold + SLACK_S + picture_s) return { kind: "play", rate: 1.1 };
  if (behind < hold - SLACK_S - picture_s / 2) return { kind: "play", rate: 0.95 };
  return { kind: "play", rate: 1 };
}

/**
 * Numbers of tiles on one connection. A number is not given to another camera on the same connection, so that a late
 * picture of the old one is never shown under the new one's name; when none is left, a new connection is due.
 */
export class TileNumbers {
  readonly #used = new Set<number>();
  readonly #had = new Map<number, string>();

  constructor(readonly most: number) {}

  /** Null: a new connection is due. */
  take(camera: string): number | null {
    let fresh: number | null = null;
    for (let number = this.most - 1; number >= 0; number--) {
      if (this.#used.has(number)) continue;
      if (this.#had.get(number) === camera) return this.#give(number, camera);
      if (!this.#had.has(number)) fresh = number;
    }
    return fresh === null ? null : this.#give(fresh, camera);
  }

  free(number: number): void {
    this.#used.delete(number);
  }

  #give(number: number, camera: string): number {
    this.#used.add(number);
    this.#had.set(number, camera);
    return number;
  }
}
