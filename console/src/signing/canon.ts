// Canonical JSON and typed messages, as docs/formats/bytes.md has them; the Python side is bound to the same vectors.

export type Plain = string | number | boolean | readonly Plain[] | { readonly [name: string]: Plain };

/** RFC 8785 over objects, arrays, strings, integers and booleans. Errors: TypeError for anything else. */
export function canon(value: unknown): string {
  if (typeof value === "string") {
    if (!value.isWellFormed()) throw new TypeError("text is not Unicode");
    return JSON.stringify(value);
  }
  if (typeof value === "boolean") return value ? "true" : "false";
  if (typeof value === "number") {
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) throw new TypeError(`${String(value)} is no integer that is exact`);
    return String(value);
  }
  if (Array.isArray(value)) return `[${value.map(canon).join(",")}]`;
  if (typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
    const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${members.map(([name, one]) => `${canon(name)}:${canon(one)}`).join(",")}}`;
  }
  throw new TypeError("only objects, arrays, text, integers and booleans have a canonical form");
}

/** M(type, parts): the type's text, a zero byte, the parts. */
export function typedMessage(type: string, ...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const head = new TextEncoder().encode(type);
  const message = new Uint8Array(head.length + 1 + parts.reduce((sum, part) => sum + part.length, 0));
  message.set(head);
  let at = head.length + 1;
  for (const part of parts) {
    message.set(part, at);
    at += part.length;
  }
  return message;
}

/** H(type, parts). Shape: 32 bytes. */
export async function typedHash(type: string, ...parts: readonly Uint8Array[]): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", typedMessage(type, ...parts)));
}

export function canonBytes(value: unknown): Uint8Array {
  return new TextEncoder().encode(canon(value));
}

/** Unpadded base64url. */
export function b64u(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** Errors: TypeError for what is not unpadded base64url in its one spelling. */
export function unb64u(text: string): Uint8Array {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) throw new TypeError("not base64url");
  let bytes;
  try {
    bytes = Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (one) => one.charCodeAt(0));
  } catch {
    throw new TypeError("not base64url");
  }
  if (b64u(bytes) !== text) throw new TypeError("not base64url in its one spelling");
  return bytes;
}

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (one) => one.toString(16).padStart(2, "0")).join("");
}

export function unhex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}
