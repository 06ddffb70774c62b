// The clock of a playback: where it is, whether it runs, how fast and which way. Players follow it.

export const RATES = [0.5, 1, 2, 4, 8, 16] as const;
const TICK_MS = 100;

export class Transport {
  at_us = $state(0);
  isPlaying = $state(true);
  /** Below zero it runs backwards. */
  rate = $state(1);
  /** Players that wait for pictures: the clock stands while there is one. */
  readonly #waiting = new Set<object>();
  /** Counts jumps, so that players tell a jump from running. */
  jumps = $state(0);

  constructor(
    at_us: number,
    readonly now: () => number,
  ) {
    this.at_us = at_us;
  }

  /** Let it run; the answer ends it. */
  run(): () => void {
    let before = performance.now();
    const timer = setInterval(() => {
      const elapsed_us = (performance.now() - before) * 1000;
      before = performance.now();
      if (this.isPlaying && this.#waiting.size === 0) this.#advance(elapsed_us * this.rate);
    }, TICK_MS);
    return () => clearInterval(timer);
  }

  seek(us: number): void {
    this.at_us = Math.min(us, this.now());
    this.jumps++;
  }

  skip(us: number): void {
    this.seek(this.at_us + us);
  }

  toggle(): void {
    this.isPlaying = !this.isPlaying;
  }

  pause(): void {
    this.isPlaying = false;
    this.rate = 1;
  }

  /** K stops; L and J run on and back, twice as fast with each press. */
  shuttle(direction: 1 | -1): void {
    const same = this.isPlaying && Math.sign(this.rate) === direction;
    this.rate = same ? direction * Math.min(16, Math.max(1, Math.abs(this.rate)) * 2) : direction;
    this.isPlaying = true;
  }

  wait(player: object, isWaiting: boolean): void {
    if (isWaiting) this.#waiting.add(player);
    else this.#waiting.delete(player);
  }

  #advance(us: number): void {
    const next = this.at_us + us;
    if (next >= this.now()) {
      this.at_us = this.now();
      this.isPlaying = false;
    } else this.at_us = next;
  }
}
