// The queue of backgrounds, as the server tells it.

import { listBackgrounds } from "../api/backgrounds";
import { Problem, type Background, type Backgrounds } from "../api/client";

export type Tab = Background["state"];
export const TABS: readonly Tab[] = ["candidate", "proposed", "committed", "refused"];
const EVERY_MS = 3000;

class Queue {
  all = $state.raw<readonly Background[]>([]);
  learning = $state.raw<Backgrounds["learning"]>([]);
  isLoaded = $state(false);
  problem = $state(false);

  readonly counts = $derived(
    Object.fromEntries(TABS.map((tab) => [tab, this.all.filter((one) => one.state === tab).length])) as Record<Tab, number>,
  );

  /** Keep up with it; call what is returned to stop. */
  follow(): () => void {
    void this.read();
    const timer = setInterval(() => void this.read(), EVERY_MS);
    return () => clearInterval(timer);
  }

  async read(): Promise<void> {
    try {
      const found = await listBackgrounds();
      this.all = found.items;
      this.learning = found.learning;
      this.isLoaded = true;
      this.problem = false;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.problem = true;
    }
  }
}

export const queue = new Queue();
