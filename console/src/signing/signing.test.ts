import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { b64u, canon, canonBytes, typedHash, typedMessage, unb64u, unhex } from "./canon";
import { openKey, sign } from "./key";

type Entry = { body: Record<string, unknown>; type: string; signatures: { key: string; signature: string }[] };
// The repository's vectors bind this reading to those of the services and of the verifier.
const vectors = JSON.parse(readFileSync(new URL("../../../vectors/ledger.json", import.meta.url), "utf-8")) as {
  entries: { entry: string }[];
};
const entries = vectors.entries.map((one) => ({ text: one.entry, value: JSON.parse(one.entry) as Entry }));
const SEED = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
const PUBLIC = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

describe("canon", () => {
  it("spells every entry of the vectors as it stands there", () => {
    expect(entries.length).toBeGreaterThan(30);
    for (const { text, value } of entries) expect(canon(value)).toBe(text);
  });
  it("refuses what has no canonical form", () => {
    for (const value of [0.5, 2 ** 53, -0, null, undefined, "\ud800", { a: [null] }, new Date()]) {
      expect(() => canon(value)).toThrow(TypeError);
    }
  });
  it("sorts members by their code units", () => {
    expect(canon({ b: 1, a: "é", A: [true, -1] })).toBe('{"A":[true,-1],"a":"é","b":1}');
  });
});

describe("base64url", () => {
  it("has one spelling", () => {
    expect(b64u(unb64u("_-8"))).toBe("_-8");
    for (const text of ["_-9", "a", "a=", "+/"]) expect(() => unb64u(text)).toThrow(TypeError);
  });
});

describe("signing", () => {
  it("verifies what staff of the vectors signed", async () => {
    const genesis = entries[0]?.value.body as { staff: { key: string }[] };
    const publics = new Map<string, Uint8Array<ArrayBuffer>>();
    for (const staff of genesis.staff) {
      const raw = Uint8Array.from(unb64u(staff.key));
      publics.set(b64u((await typedHash("custodes/key/v1", raw)).subarray(0, 16)), raw);
    }
    let checked = 0;
    for (const { value } of entries) {
      for (const { key, signature } of value.signatures) {
        const raw = publics.get(key);
        if (raw === undefined) continue;
        const known = await crypto.subtle.importKey("raw", raw, { name: "Ed25519" }, false, ["verify"]);
        const message = typedMessage(value.type, canonBytes(value.body));
        expect(await crypto.subtle.verify({ name: "Ed25519" }, known, Uint8Array.from(unb64u(signature)), message)).toBe(true);
        checked += 1;
      }
    }
    expect(checked).toBeGreaterThan(3);
  });
  it("signs with the key of a file, which no script can read", async () => {
    const staff = await openKey(`${SEED}\n`);
    expect(staff.key.extractable).toBe(false);
    const signed = await sign(staff, "custodes/entry/hold/v1", { b: 1, a: "x" });
    const known = await crypto.subtle.importKey("raw", Uint8Array.from(unhex(PUBLIC)), { name: "Ed25519" }, false, ["verify"]);
    const message = typedMessage("custodes/entry/hold/v1", new TextEncoder().encode('{"a":"x","b":1}'));
    const signature = Uint8Array.from(unb64u(signed.signatures[0]?.signature ?? ""));
    expect(await crypto.subtle.verify({ name: "Ed25519" }, known, signature, message)).toBe(true);
    expect(unb64u(signed.signatures[0]?.key ?? "")).toHaveLength(16);
  });
  it("refuses a file that is no key", async () => {
    for (const text of ["", "xyz", SEED.toUpperCase(), SEED.slice(2), `${SEED}00`]) {
      await expect(openKey(text)).rejects.toMatchObject({ trouble: "no-key-file" });
    }
  });
});
