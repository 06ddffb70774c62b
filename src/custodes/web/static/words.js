// How numbers, instants and states are put into words, and the nodes that carry them.

export const STATES = {
  recording: ["recording", "good"],
  connecting: ["connecting", "warn"],
  away: ["not recording", "bad"],
  "cannot-seal": ["stopped: cannot seal", "bad"],
  "not-assigned": ["no recorder", "bad"],
  unknown: ["not known", "warn"],
};

const REASONS = {
  "camera-unreachable": "camera could not be reached",
  "camera-silent": "camera sent no picture",
  "camera-refused": "camera refused",
  "camera-misbehaved": "camera broke its protocol",
  loss: "packets were lost",
  "waiting-for-key-frame": "waiting for a key frame",
  overload: "too much at once",
  storage: "storage",
  restart: "restart",
  clock: "clock was set",
  "not-assigned": "no recorder had it",
  "cannot-seal": "could not be sealed",
};

export function reasonWords(reason) {
  return REASONS[reason] ?? reason;
}

export function element(tag, text, className) {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  if (className) node.className = className;
  return node;
}

// A name that people gave: its own direction, and breakable wherever it must be.
export function named(tag, text, className) {
  const node = element(tag, text, className);
  node.dir = "auto";
  return node;
}

export function pairs(list, rows) {
  list.replaceChildren(
    ...rows.flatMap(([term, value]) => {
      const description = element("dd");
      description.append(value instanceof Node ? value : String(value));
      return [element("dt", term), description];
    }),
  );
}

export function duration(seconds) {
  if (seconds < 1) return "under 1 s";
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${trim(seconds / 3600)} h`;
  return `${trim(seconds / 86400)} days`;
}

export function ago(seconds) {
  return seconds < 3 ? "just now" : `${duration(seconds)} ago`;
}

export function bitrate(bps) {
  return bps < 1e6 ? `${Math.round(bps / 1e3)} kbit/s` : `${(bps / 1e6).toFixed(1)} Mbit/s`;
}

export function instant(us) {
  if (!us) return element("span", "never");
  const date = new Date(us / 1000);
  const node = element("time", date.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" }));
  node.dateTime = date.toISOString();
  return node;
}

// For a table: today's instants to the second, earlier ones with their day to the minute.
export function shortInstant(us, nowUs) {
  const node = instant(us);
  const date = new Date(us / 1000);
  const today = date.toDateString() === new Date(nowUs / 1000).toDateString();
  node.textContent = today
    ? date.toLocaleTimeString(undefined, { timeStyle: "medium" })
    : date.toLocaleString(undefined, { month: "short", day: "numeric", hour: "numeric", minute: "2-digit" });
  return node;
}

export function plural(count, one, many) {
  return `${count} ${count === 1 ? one : many}`;
}

function trim(number) {
  return String(Math.round(number * 10) / 10);
}
