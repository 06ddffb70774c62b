import { describe, expect, it } from "vitest";
import { boxAt, boxesOf, decodeTimes, ticksPerSecond } from "./boxes";

const bytes = (...parts: (number[] | Uint8Array)[]) => Uint8Array.from(parts.flatMap((part) => [...part]));
const u32 = (value: number) => [24, 16, 8, 0].map((shift) => (value >>> shift) & 255);
const box = (kind: string, ...parts: (number[] | Uint8Array)[]) => {
  const body = bytes(...parts);
  return bytes(u32(8 + body.length), [...kind].map((one) => one.charCodeAt(0)), body);
};
const moof = (time: number, wide: boolean) =>
  box("moof", box("traf", box("tfdt", [wide ? 1 : 0, 0, 0, 0], wide ? [0, 0, 0, 1] : [], u32(time))));
const moov = (version: number) =>
  box("moov", box("trak", box("mdia", box("mdhd", [version, 0, 0, 0], new Uint8Array(version ? 16 : 8), u32(90_000)))));

describe("boxes", () => {
  it("walks boxes and stops at one that is cut", () => {
    const data = bytes(box("ftyp", [1, 2]), box("moov"), u32(100), [109, 100, 97, 116]);
    expect([...boxesOf(data)].map((one) => one.kind)).toEqual(["ftyp", "moov"]);
  });
  it("is not held up by a size of nothing", () => {
    expect([...boxesOf(bytes(u32(0), u32(0), u32(0)))]).toEqual([]);
  });
  it.each([0, 1])("finds the time scale of version %i", (version) => {
    expect(ticksPerSecond(moov(version))).toBe(90_000);
  });
  it("reads decode times of both widths", () => {
    expect(decodeTimes(bytes(moov(0), moof(90_000, false), box("mdat"), moof(5, true)))).toEqual([90_000, 2 ** 32 + 5]);
  });
  it("finds nothing where nothing is", () => {
    expect(boxAt(moov(0), "moov", "mvex")).toBeUndefined();
    expect(ticksPerSecond(box("ftyp"))).toBeUndefined();
  });
});
