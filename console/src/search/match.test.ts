import { describe, expect, it } from "vitest";
import { distance, folded, Index, wordCost } from "./match";

const cameras = [
  { id: "a1b2c3d4".repeat(4), name: "Harbour Square, north stairs 0012", site: "Harbour Square" },
  { id: "b1b2c3d4".repeat(4), name: "Central Station, platform 2 0112", site: "Central Station" },
  { id: "c1b2c3d4".repeat(4), name: "Café de l'Été 0007", site: "Old Town" },
  { id: "d1b2c3d4".repeat(4), name: "محطة القطار ١٢", site: "وسط المدينة" },
];
const names = (asked: string) => new Index(cameras).find(asked, 10).map((one) => one.item.name.split(" ")[0]);

describe("find", () => {
  it.each([
    ["harbour", ["Harbour"]],
    ["habrour", ["Harbour"]],
    ["harbor sq", ["Harbour"]],
    ["staton plat", ["Central"]],
    ["cafe ete", ["Café"]],
    ["القطار", ["محطة"]],
    ["c1b2c3", ["Café"]],
    ["7", ["Café"]],
    ["airport", []],
  ])("%s", (asked, expected) => {
    expect(names(asked)).toEqual(expected);
  });
  it("takes a number as a number, the exact before the longer", () => {
    expect(names("12")[0]).toBe("Harbour");
    expect(names("0012")).toEqual(["Harbour"]);
  });
  it("finds everything when nothing is asked, at most as many as wanted", () => {
    expect(new Index(cameras).find("", 3)).toHaveLength(3);
  });
  it("puts the right spelling first", () => {
    const both = new Index([
      { id: "1", name: "Harvour", site: "x" },
      { id: "2", name: "Harbour", site: "x" },
    ]);
    expect(both.find("harbour", 5).map((one) => one.item.id)).toEqual(["2", "1"]);
  });
});

describe("distance", () => {
  it("counts a swap as one and stops where it is too far", () => {
    expect(distance("stairs", "satirs", 2)).toBe(1);
    expect(distance("stairs", "stair", 2)).toBe(1);
    expect(distance("stairs", "bridge", 2)).toBe(3);
  });
});

describe("wordCost", () => {
  it("forgives no short word", () => {
    expect(wordCost("cat", "car")).toBeUndefined();
    expect(wordCost("cate", "gate")).toBe(2);
  });
});

describe("folded", () => {
  it("takes marks and signs away", () => {
    expect(folded("  Große—Straße, Nº 4 ")).toBe("grosse strasse no 4");
  });
});
