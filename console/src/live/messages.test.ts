import { describe, expect, it } from "vitest";
import { parseLive } from "./messages";

function message(kind: number, body: Uint8Array | string, tile = 7, capture_us = 1_764_000_000_123_456n): ArrayBuffer {
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  const view = new DataView(new ArrayBuffer(10 + bytes.length));
  view.setUint8(0, kind);
  view.setUint8(1, tile);
  view.setBigUint64(2, capture_us);
  new Uint8Array(view.buffer, 10).set(bytes);
  return view.buffer;
}

describe("parseLive", () => {
  it("reads an init segment and its codec", () => {
    const found = parseLive(message(1, "\x0bavc1.64001EBOXES"));
    expect(found).toMatchObject({ kind: "init", tile: 7, capture_us: 1_764_000_000_123_456, codec: "avc1.64001E" });
    expect(found?.kind === "init" && new TextDecoder().decode(found.segment)).toBe("BOXES");
  });
  it("tells key fragments from others", () => {
    expect(parseLive(message(2, "x"))).toMatchObject({ kind: "fragment", is_key: true });
    expect(parseLive(message(3, "x"))).toMatchObject({ kind: "fragment", is_key: false });
  });
  it("reads states and refusals", () => {
    expect(parseLive(message(4, '{"state":"masked","reason":"too-dark","masked_permille":1000}'))).toMatchObject({
      view: { state: "masked", reason: "too-dark", masked_permille: 1000 },
    });
    expect(parseLive(message(5, '{"detail":"no such camera"}'))).toMatchObject({ detail: "no such camera" });
  });
  it.each([
    ["too short", new ArrayBuffer(9)],
    ["a kind of tomorrow", message(9, "x")],
    ["an init without boxes", message(1, "\x0bavc1.64001E")],
    ["an init without a codec", message(1, "\x00BOXES")],
    ["a state of no list", message(4, '{"state":"clear","reason":"","masked_permille":0}')],
    ["a state that is no JSON", message(4, "{")],
  ])("passes over %s", (_, buffer) => {
    expect(parseLive(buffer)).toBeNull();
  });
});
