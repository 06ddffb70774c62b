// The binary messages of the live WebSocket. Source: docs/design/0010-live-and-console.md.

export type ViewState = { state: "live" | "masked" | "away"; reason: string; masked_permille: number };
export type LiveMessage = { tile: number; capture_us: number } & (
  | { kind: "init"; codec: string; segment: Uint8Array<ArrayBuffer> }
  | { kind: "fragment"; is_key: boolean; data: Uint8Array<ArrayBuffer> }
  | { kind: "state"; view: ViewState }
  | { kind: "refused"; detail: string }
);

const HEAD_BYTES = 10;
const STATES = new Set(["live", "masked", "away"]);

/** Null for what is not a message of this kind: it is passed over, never guessed at. */
export function parseLive(buffer: ArrayBuffer): LiveMessage | null {
  if (buffer.byteLength < HEAD_BYTES) return null;
  const view = new DataView(buffer);
  const head = { tile: view.getUint8(1), capture_us: Number(view.getBigUint64(2)) };
  const body = new Uint8Array(buffer, HEAD_BYTES);
  switch (view.getUint8(0)) {
    case 1:
      return parseInit(head, body);
    case 2:
    case 3:
      return { ...head, kind: "fragment", is_key: view.getUint8(0) === 2, data: body };
    case 4:
      return parseState(head, body);
    case 5:
      return { ...head, kind: "refused", detail: String(parseJson(body)?.["detail"] ?? "") };
    default:
      return null;
  }
}

type Head = { tile: number; capture_us: number };

function parseInit(head: Head, body: Uint8Array<ArrayBuffer>): LiveMessage | null {
  const length = body[0] ?? 0;
  if (length === 0 || body.length <= 1 + length) return null;
  const codec = String.fromCharCode(...body.subarray(1, 1 + length));
  return { ...head, kind: "init", codec, segment: body.subarray(1 + length) };
}

function parseState(head: Head, body: Uint8Array): LiveMessage | null {
  const json = parseJson(body);
  if (json === null || typeof json["reason"] !== "string" || !STATES.has(json["state"] as string)) return null;
  const permille = json["masked_permille"];
  return {
    ...head,
    kind: "state",
    view: {
      state: json["state"] as ViewState["state"],
      reason: json["reason"],
      masked_permille: typeof permille === "number" ? permille : 1000,
    },
  };
}

function parseJson(body: Uint8Array): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(body));
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
