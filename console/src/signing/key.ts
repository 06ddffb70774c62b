// A staff key in the page: an Ed25519 seed from the person's own file, imported so that no script can read it again.

import { b64u, canonBytes, hex, typedHash, typedMessage, unb64u, unhex } from "./canon";

export type Signature = { key: string; signature: string };
export type Signed = { type: string; body: Record<string, unknown>; signatures: Signature[] };
export type StaffKey = { id: string; key: CryptoKey };

export type KeyTrouble = "no-key-file" | "no-ed25519";

/** Why a key cannot be used. */
export class KeyError extends Error {
  constructor(readonly trouble: KeyTrouble) {
    super(trouble);
  }
}

// PKCS #8 (RFC 8410) of an Ed25519 seed, all but the seed.
const PKCS8_HEAD = unhex("302e020100300506032b657004220420");
const ED25519 = { name: "Ed25519" };
const KEY_ID_BYTES = 16;

/** The key of a file's text: 64 hex digits. Errors: KeyError. */
export async function openKey(text: string): Promise<StaffKey> {
  const digits = text.trim();
  if (!/^[0-9a-f]{64}$/.test(digits)) throw new KeyError("no-key-file");
  const pkcs8 = new Uint8Array([...PKCS8_HEAD, ...unhex(digits)]);
  try {
    // WebCrypto tells the public half only of a key that may be read, so it is imported twice.
    const readable = await crypto.subtle.importKey("pkcs8", pkcs8, ED25519, true, ["sign"]);
    const shown = await crypto.subtle.exportKey("jwk", readable);
    const key = await crypto.subtle.importKey("pkcs8", pkcs8, ED25519, false, ["sign"]);
    const id = (await typedHash("custodes/key/v1", unb64u(shown.x ?? ""))).subarray(0, KEY_ID_BYTES);
    return { id: hex(id), key };
  } catch {
    throw new KeyError("no-ed25519");
  } finally {
    pkcs8.fill(0);
  }
}

/** A signed object with this key's signature alone. */
export async function sign(staff: StaffKey, type: string, body: Record<string, unknown>): Promise<Signed> {
  const message = typedMessage(type, canonBytes(body));
  const signature = new Uint8Array(await crypto.subtle.sign(ED25519, staff.key, message));
  return { type, body, signatures: [{ key: b64u(unhex(staff.id)), signature: b64u(signature) }] };
}
