// A time that ticks once a second, for what screens show.

import { session } from "./session.svelte";

class Ticking {
  now_us = $state(Date.now() * 1000);

  /** Begin; the answer ends it. */
  run(): () => void {
    const timer = setInterval(() => (this.now_us = session.time_us()), 1000);
    return () => clearInterval(timer);
  }
}

export const clock = new Ticking();
