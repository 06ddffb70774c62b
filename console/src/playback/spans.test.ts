import { describe, expect, it } from "vitest";
import { momentAt, nextRecorded, shareOf, stepFor, type Spans } from "./spans";

const spans: Spans = {
  recorded: [
    { from_us: 100, to_us: 200 },
    { from_us: 250, to_us: 5_000_000 },
  ],
  gaps: [{ from_us: 200, to_us: 250, reason: "loss" }],
  masked: [{ from_us: 190, to_us: 300, reason: "too-dark" }],
};

describe("momentAt", () => {
  it.each([
    [150, { kind: "recorded" }],
    [195, { kind: "masked", reason: "too-dark" }],
    [200, { kind: "gap", reason: "loss" }],
    [250, { kind: "masked", reason: "too-dark" }],
    [50, { kind: "nothing" }],
    [6_000_001, { kind: "future" }],
  ])("%i", (us, expected) => {
    expect(momentAt(spans, us, 6_000_000)).toEqual(expected);
  });
});

describe("nextRecorded", () => {
  it("is nothing where something is recorded", () => {
    expect(nextRecorded(spans.recorded, 100, 1)).toBeUndefined();
  });
  it("goes over gaps both ways", () => {
    expect(nextRecorded(spans.recorded, 220, 1)).toBe(250);
    expect(nextRecorded(spans.recorded, 7_000_000, -1)).toBe(4_000_000);
    expect(nextRecorded(spans.recorded, 7_000_000, 1)).toBeUndefined();
  });
});

describe("shareOf", () => {
  it("counts only what is within", () => {
    expect(shareOf([{ from_us: 0, to_us: 50 }, { from_us: 90, to_us: 200 }], 0, 100)).toBeCloseTo(0.6);
    expect(shareOf([], 5, 5)).toBe(0);
  });
});

describe("stepFor", () => {
  it("leaves room for labels", () => {
    expect(stepFor(86_400e6, 1200, 70)).toBe(7200e6);
    expect(stepFor(86_400e6, 300, 70)).toBe(21_600e6);
    expect(stepFor(600e6, 1200, 70)).toBe(60e6);
  });
});
