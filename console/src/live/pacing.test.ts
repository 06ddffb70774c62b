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
  it("gives no number of one camera to another", () => {
    const numbers = new TileNumbers(2);
    const first = numbers.take("a");
    expect(first).not.toBeNull();
    numbers.free(first as number);
    const second = numbers.take("b");
    expect(second).not.toBe(first);
    expect(numbers.take("c")).toBeNull();
    numbers.free(second as number);
    expect(numbers.take("c")).toBeNull();
  });
  it("gives a camera its own number back", () => {
    const numbers = new TileNumbers(2);
    const first = numbers.take("a") as number;
    numbers.free(first);
    expect(numbers.take("a")).toBe(first);
  });
  it("lets one camera have two tiles", () => {
    const numbers = new TileNumbers(2);
    expect(numbers.take("a")).not.toBe(numbers.take("a"));
  });
});
