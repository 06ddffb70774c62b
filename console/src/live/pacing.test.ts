import { describe, expect, it } from "vitest";
import { paceOf, TileNumbers } from "./pacing";

describe("paceOf", () => {
  it("plays at rate one where it should be", () => {
    expect(paceOf(9.7, 10, 0.125)).toEqual({ kind: "play", rate: 1 });
  });
  it("catches up when a little behind, holds back when close to the end", () => {
    expect(paceOf(9.3, 10, 0.125)).toEqual({ kind: "play", rate: 1.1 });
    expect(paceOf(9.95, 10, 0.125)).toEqual({ kind: "play", rate: 0.95 });
  });
  it("cuts when more than a second behind, or past the end", () => {
    expect(paceOf(8.5, 10, 0.125)).toEqual({ kind: "jump", to_s: 9.7 });
    expect(paceOf(11, 10, 0.125)).toEqual({ kind: "jump", to_s: 9.7 });
  });
  it("does not chase a picture that lasts a second", () => {
    expect(paceOf(9, 10, 1).kind).toBe("play");
    expect(paceOf(8, 10, 1)).toEqual({ kind: "play", rate: 1 });
    expect(paceOf(6.9, 10, 1).kind).toBe("jump");
  });
});

describe("TileNumbers", () => {
  it("takes a number again only after all others", () => {
    const numbers = new TileNumbers();
    const first = numbers.take();
    numbers.give(first);
    const after = Array.from({ length: 255 }, () => numbers.take());
    expect(after).not.toContain(first);
    expect(numbers.take()).toBe(first);
  });
  it("has no more than a byte", () => {
    const numbers = new TileNumbers();
    for (let n = 0; n < 256; n++) numbers.take();
    expect(() => numbers.take()).toThrow(RangeError);
  });
});
