// Local times of a zone and instants. A local time may occur twice (clocks go back) or never (clocks go forward):
// who asks is told, and nothing is guessed.

export type Local = {
  year: number;
  month: number;
  day: number;
  hour: number;
  minute: number;
  second: number;
};

export type Instants =
  | { kind: "once"; us: number }
  | { kind: "twice"; first_us: number; second_us: number }
  /** The last instant before the clocks went forward, and the first after. */
  | { kind: "never"; before_us: number; after_us: number };

const S_US = 1_000_000;
const DAY_MS = 86_400_000;
const formats = new Map<string, Intl.DateTimeFormat>();

/** The zone's clock at the instant. Errors: RangeError when the zone is unknown. */
export function localOf(us: number, zone: string): Local {
  const parts = new Map(formatOf(zone).formatToParts(us / 1000).map((part) => [part.type, part.value]));
  const number = (name: Intl.DateTimeFormatPartTypes) => Number(parts.get(name));
  return {
    year: number("year"),
    month: number("month"),
    day: number("day"),
    hour: number("hour"),
    minute: number("minute"),
    second: number("second"),
  };
}

/** How far the zone's clock is ahead of UTC at the instant. Units: minutes. */
export function offsetMinutes(us: number, zone: string): number {
  const whole = Math.floor(us / S_US) * 1000;
  return (asUtcMs(localOf(us, zone)) - whole) / 60_000;
}

/** The instants at which the zone's clock shows this. */
export function instantsOf(local: Local, zone: string): Instants {
  const shown = asUtcMs(local);
  // Every offset in force within a day of it; zones change at most once in that time.
  const around = [shown - DAY_MS, shown + DAY_MS].map((ms) => offsetMinutes(ms * 1000, zone));
  const found = [...new Set(around)]
    .map((offset) => (shown - offset * 60_000) * 1000)
    .filter((us) => asUtcMs(localOf(us, zone)) === shown)
    .sort((a, b) => a - b);
  const [first, second] = found;
  if (first === undefined) return jumpAround(shown, zone);
  return second === undefined
    ? { kind: "once", us: first }
    : { kind: "twice", first_us: first, second_us: second };
}

/** The first instant of the zone's day that holds the instant. */
export function startOfDay(us: number, zone: string): number {
  return firstInstant({ ...localOf(us, zone), hour: 0, minute: 0, second: 0 }, zone);
}

/** The first instant of the day so many days later (or earlier). */
export function addDays(us: number, days: number, zone: string): number {
  const local = localOf(us, zone);
  const moved = new Date(Date.UTC(local.year, local.month - 1, local.day + days));
  return firstInstant(
    {
      year: moved.getUTCFullYear(),
      month: moved.getUTCMonth() + 1,
      day: moved.getUTCDate(),
      hour: 0,
      minute: 0,
      second: 0,
    },
    zone,
  );
}

function firstInstant(local: Local, zone: string): number {
  const instants = instantsOf(local, zone);
  if (instants.kind === "once") return instants.us;
  return instants.kind === "twice" ? instants.first_us : instants.after_us;
}

function jumpAround(shownMs: number, zone: string): Instants {
  let low = shownMs - DAY_MS;
  let high = shownMs + DAY_MS;
  const before = offsetMinutes(low * 1000, zone);
  while (high - low > 1000) {
    const middle = Math.floor((low + high) / 2000) * 1000;
    if (offsetMinutes(middle * 1000, zone) === before) low = middle;
    else high = middle;
  }
  return { kind: "never", before_us: low * 1000, after_us: high * 1000 };
}

function asUtcMs(local: Local): number {
  return Date.UTC(local.year, local.month - 1, local.day, local.hour, local.minute, local.second);
}

function formatOf(zone: string): Intl.DateTimeFormat {
  let format = formats.get(zone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat("en-u-ca-gregory-nu-latn-hc-h23", {
      timeZone: zone,
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
      hourCycle: "h23",
    });
    formats.set(zone, format);
  }
  return format;
}
