import { describe, expect, it } from "vitest";
import { addDays, instantsOf, localOf, offsetMinutes, startOfDay, type Local } from "./zone";

const BERLIN = "Europe/Berlin";
const us = (iso: string) => Date.parse(iso) * 1000;
const local = (text: string): Local => {
  const [year, month, day, hour, minute, second] = text.split(/[-T:]/).map(Number) as [
    number, number, number, number, number, number,
  ];
  return { year, month, day, hour, minute, second };
};

describe("instantsOf", () => {
  it("finds the one instant of an ordinary time", () => {
    expect(instantsOf(local("2026-07-01-12-00-00"), BERLIN)).toEqual({
      kind: "once",
      us: us("2026-07-01T10:00:00Z"),
    });
  });
  it("finds both instants of the hour that occurs twice", () => {
    expect(instantsOf(local("2026-10-25-02-30-00"), BERLIN)).toEqual({
      kind: "twice",
      first_us: us("2026-10-25T00:30:00Z"),
      second_us: us("2026-10-25T01:30:00Z"),
    });
  });
  it("says that an hour never was, and what is on its sides", () => {
    expect(instantsOf(local("2026-03-29-02-30-00"), BERLIN)).toEqual({
      kind: "never",
      before_us: us("2026-03-29T00:59:59Z"),
      after_us: us("2026-03-29T01:00:00Z"),
    });
  });
  it("knows the edges of both", () => {
    expect(instantsOf(local("2026-10-25-01-59-59"), BERLIN).kind).toBe("once");
    expect(instantsOf(local("2026-10-25-02-00-00"), BERLIN).kind).toBe("twice");
    expect(instantsOf(local("2026-10-25-03-00-00"), BERLIN).kind).toBe("once");
    expect(instantsOf(local("2026-03-29-01-59-59"), BERLIN).kind).toBe("once");
    expect(instantsOf(local("2026-03-29-03-00-00"), BERLIN).kind).toBe("once");
  });
  it("knows a change by half an hour, and one in the other half of the world", () => {
    expect(instantsOf(local("2026-04-05-01-45-00"), "Australia/Lord_Howe").kind).toBe("twice");
    expect(instantsOf(local("2026-09-06-02-30-00"), "Pacific/Auckland").kind).toBe("once");
    expect(instantsOf(local("2026-09-27-02-30-00"), "Pacific/Auckland").kind).toBe("never");
  });
  it("undoes localOf for every quarter of an hour of a year", () => {
    for (let at = us("2026-01-01T00:00:00Z"); at < us("2027-01-01T00:00:00Z"); at += 900_000_000) {
      const found = instantsOf(localOf(at, BERLIN), BERLIN);
      const all = found.kind === "once" ? [found.us] : found.kind === "twice" ? [found.first_us, found.second_us] : [];
      expect(all).toContain(at);
    }
  });
});

describe("days", () => {
  it("have 23 hours when clocks go forward and 25 when they go back", () => {
    const spring = startOfDay(us("2026-03-29T12:00:00Z"), BERLIN);
    const autumn = startOfDay(us("2026-10-25T12:00:00Z"), BERLIN);
    expect((addDays(spring, 1, BERLIN) - spring) / 3_600_000_000).toBe(23);
    expect((addDays(autumn, 1, BERLIN) - autumn) / 3_600_000_000).toBe(25);
  });
  it("begin at one o'clock where midnight never was", () => {
    const start = startOfDay(us("2018-11-04T12:00:00Z"), "America/Sao_Paulo");
    expect(localOf(start, "America/Sao_Paulo")).toMatchObject({ day: 4, hour: 1, minute: 0 });
  });
});

describe("offsetMinutes", () => {
  it("is that of the zone, for instants with parts of a second too", () => {
    expect(offsetMinutes(us("2026-01-01T00:00:00Z") + 123_456, BERLIN)).toBe(60);
    expect(offsetMinutes(us("2026-07-01T00:00:00Z"), "Asia/Kolkata")).toBe(330);
  });
});
