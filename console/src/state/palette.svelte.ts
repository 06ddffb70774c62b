// The camera palette: asked for by a key, answered with a camera.

import { route } from "./route.svelte";

export type Purpose = "open" | "place";

class Palette {
  isOpen = $state(false);
  purpose = $state<Purpose>("open");
  #answer: (camera: string) => void = () => undefined;

  /** To open the camera that is chosen. */
  toOpen(): void {
    this.#ask("open", (camera) => route.go({ screen: "camera", id: camera }));
  }

  /** To do something else with it. */
  toPlace(answer: (camera: string) => void): void {
    this.#ask("place", answer);
  }

  choose(camera: string): void {
    this.isOpen = false;
    this.#answer(camera);
  }

  #ask(purpose: Purpose, answer: (camera: string) => void): void {
    this.purpose = purpose;
    this.#answer = answer;
    this.isOpen = true;
  }
}

export const palette = new Palette();

/** Whether a key belongs to a field, a menu or a dialog, and not to the screen. */
export function isTyping(event: KeyboardEvent): boolean {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return true;
  const target = event.target;
  return target instanceof Element && target.closest("input, select, textarea, [role=menu], [role=dialog]") !== null;
}
