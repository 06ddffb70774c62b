// What a person chose for this browser: language and light. Kept in the browser, sent nowhere.

import { overwriteGetLocale, type Locale } from "../words";

export type Light = "system" | "light" | "dark";
const LOCALES: readonly Locale[] = ["en", "ar"];
const RIGHT_TO_LEFT: ReadonlySet<Locale> = new Set<Locale>(["ar"]);

class Settings {
  locale = $state<Locale>(firstLocale());
  light = $state<Light>(kept("light", ["system", "light", "dark"]) ?? "system");
  readonly isRightToLeft = $derived(RIGHT_TO_LEFT.has(this.locale));
  /** For dates and numbers: digits of the one kind that timestamps have on every screen. */
  readonly format = $derived(`${this.locale === "en" ? "en-GB" : this.locale}-u-nu-latn-ca-gregory`);

  choose(change: { locale?: Locale; light?: Light }): void {
    if (change.locale) this.locale = change.locale;
    if (change.light) this.light = change.light;
    localStorage.setItem("custodes.locale", this.locale);
    localStorage.setItem("custodes.light", this.light);
  }

  /** Tell the page; in an effect. */
  apply(): void {
    const root = document.documentElement;
    root.lang = this.locale;
    root.dir = this.isRightToLeft ? "rtl" : "ltr";
    if (this.light === "system") delete root.dataset["light"];
    else root.dataset["light"] = this.light;
  }
}

function kept<T extends string>(name: string, allowed: readonly T[]): T | undefined {
  const value = localStorage.getItem(`custodes.${name}`);
  return allowed.find((one) => one === value);
}

function firstLocale(): Locale {
  const wished = kept("locale", LOCALES);
  if (wished) return wished;
  for (const language of navigator.languages) {
    const found = LOCALES.find((one) => language.toLowerCase().split("-")[0] === one);
    if (found) return found;
  }
  return "en";
}

export const settings = new Settings();
overwriteGetLocale(() => settings.locale);
