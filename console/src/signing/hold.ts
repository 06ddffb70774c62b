// What the server drafted for a hold, checked before it is signed: it is of this camera, and commits to what is shown.

import type { Camera, HoldDraft } from "../api/client";
import { b64u, canonBytes, typedHash, unb64u } from "./canon";

const TYPE = "custodes/entry/hold/v1";
const MEMBERS = ["commitment", "count", "epochs", "hold", "kind", "network", "request", "until_us"];

/** Why a draft must not be signed, empty where it may. `network`: the id in base64url. */
export async function objection(draft: HoldDraft, camera: Camera, until_us: number): Promise<string> {
  const body = draft.body;
  const streams = new Set(camera.streams.map((one) => one.stream));
  const epochs = draft.scope.map((part) => part.epoch).sort((a, b) => compare(unb64u(a), unb64u(b)));
  const salt = unb64u(draft.salt);
  const commitment = b64u(await typedHash("custodes/hold-scope/v1", salt, canonBytes(draft.scope)));
  if (draft.type !== TYPE || Object.keys(body).sort().join() !== MEMBERS.join()) return "form";
  if (draft.scope.some((part) => !streams.has(hexOf(part.stream)))) return "camera";
  if (body["kind"] !== "provisional" || body["request"] !== "" || body["until_us"] !== until_us) return "kind";
  if (salt.length !== 32 || body["commitment"] !== commitment) return "commitment";
  if (body["count"] !== draft.scope.reduce((sum, part) => sum + part.slots.length, 0)) return "count";
  if (JSON.stringify(body["epochs"]) !== JSON.stringify(epochs)) return "epochs";
  return "";
}

function hexOf(id: string): string {
  return Array.from(unb64u(id), (one) => one.toString(16).padStart(2, "0")).join("");
}

function compare(a: Uint8Array, b: Uint8Array): number {
  const at = a.findIndex((one, place) => one !== b[place]);
  return at < 0 ? 0 : (a[at] ?? 0) - (b[at] ?? 0);
}
