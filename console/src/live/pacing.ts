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

/** Numbers of a byte in turn, so that a late message of an old tile is never taken for one of a new tile. */
export class TileNumbers {
  readonly #used = new Set<number>();
  #next = 0;

  /** Errors: RangeError when all 256 are used. */
  take(): number {
    for (let tried = 0; tried < 256; tried++) {
      const number = this.#next;
      this.#next = (this.#next + 1) % 256;
      if (!this.#used.has(number)) {
        this.#used.add(number);
        return number;
      }
    }
    throw new RangeError("all tile numbers are used");
  }

  give(number: number): void {
    this.#used.delete(number);
  }
}
