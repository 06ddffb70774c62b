// Instants and lengths in words and digits.

import { settings } from "../state/settings.svelte";
import { offsetMinutes } from "./zone";

type Style = "clock" | "clock-seconds" | "day" | "day-short" | "moment" | "moment-seconds";
const STYLES: Record<Style, Intl.DateTimeFormatOptions> = {
  clock: { hour: "2-digit", minute: "2-digit" },
  "clock-seconds": { hour: "2-digit", minute: "2-digit", second: "2-digit" },
  day: { weekday: "long", day: "numeric", month: "long", year: "numeric" },
  "day-short": { weekday: "short", day: "numeric", month: "short" },
  moment: { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" },
  "moment-seconds": { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit" },
};
const made = new Map<string, Intl.DateTimeFormat>();

/** An instant by the zone's clock. */
export function timeText(us: number, zone: string, style: Style): string {
  const key = `${settings.format} ${zone} ${style}`;
  let format = made.get(key);
  if (format === undefined) {
    format = new Intl.DateTimeFormat(settings.format, { ...STYLES[style], timeZone: zone, hourCycle: "h23" });
    made.set(key, format);
  }
  return format.format(us / 1000);
}

/** The instant in UTC, as logs and courts write it. */
export function utcText(us: number): string {
  return `${new Date(us / 1000).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** How far the zone is from UTC, "UTC+1". */
export function offsetText(us: number, zone: string): string {
  const minutes = offsetMinutes(us, zone);
  const sign = minutes < 0 ? "−" : "+";
  const rest = Math.abs(minutes) % 60;
  const hours = Math.floor(Math.abs(minutes) / 60);
  return `UTC${sign}${String(hours)}${rest ? `:${String(rest).padStart(2, "0")}` : ""}`;
}

/** A length in its two greatest units. */
export function lengthText(us: number): string {
  const seconds = Math.max(0, Math.round(us / 1e6));
  const parts: [number, "day" | "hour" | "minute" | "second"][] = [
    [Math.floor(seconds / 86_400), "day"],
    [Math.floor(seconds / 3600) % 24, "hour"],
    [Math.floor(seconds / 60) % 60, "minute"],
    [seconds % 60, "second"],
  ];
  const first = parts.findIndex(([value]) => value > 0);
  const shown = first < 0 ? parts.slice(3) : parts.slice(first, first + 2).filter(([value]) => value > 0);
  return shown
    .map(([value, unit]) =>
      new Intl.NumberFormat(settings.format, { style: "unit", unit, unitDisplay: "short" }).format(value),
    )
    .join(" ");
}

/** A calendar day of no zone, as the register has it. */
export function dayText(day: string): string {
  return new Intl.DateTimeFormat(settings.format, { day: "numeric", month: "long", year: "numeric", timeZone: "UTC" }).format(
    Date.parse(`${day}T00:00:00Z`),
  );
}

export function numberText(value: number, options: Intl.NumberFormatOptions = {}): string {
  return new Intl.NumberFormat(settings.format, options).format(value);
}

export function bytesText(bytes: number): string {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte", "petabyte"] as const;
  const power = Math.min(units.length - 1, bytes > 0 ? Math.floor(Math.log10(bytes) / 3) : 0);
  return numberText(bytes / 1000 ** power, { style: "unit", unit: units[power] ?? "byte", maximumFractionDigits: 1 });
}
