// Finding cameras by name, site or number, tolerant of spelling.

export type Findable = { id: string; name: string; site: string };
export type Found<T> = { item: T; cost: number };

const MAX_WORDS = 6;

/** Lower case, without marks over letters or signs between words. */
export function folded(text: string): string {
  return text
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .replace(/ß/g, "ss")
    .replace(/[^\p{L}\p{N}]+/gu, " ")
    .trim();
}

/** What is searched of an item, made once. */
export class Index<T extends Findable> {
  readonly #rows: { item: T; words: string[]; id: string }[];

  constructor(items: readonly T[]) {
    this.#rows = items.map((item) => ({
      item,
      words: [...new Set(folded(`${item.name} ${item.site}`).split(" "))],
      id: item.id,
    }));
  }

  /** The best first; every word asked must be near one of the item's. Nothing asked finds the first items. */
  find(asked: string, most: number): Found<T>[] {
    const words = folded(asked).split(" ").filter(Boolean).slice(0, MAX_WORDS);
    const found: Found<T>[] = [];
    for (const row of this.#rows) {
      const cost = costOf(words, row.words, row.id);
      if (cost !== undefined) found.push({ item: row.item, cost });
    }
    return found
      .sort((a, b) => a.cost - b.cost || (a.item.name < b.item.name ? -1 : 1))
      .slice(0, most);
  }
}

function costOf(asked: string[], words: string[], id: string): number | undefined {
  let cost = 0;
  for (const word of asked) {
    let least = word.length >= 4 && id.startsWith(word) ? 0.5 : Infinity;
    for (const [place, own] of words.entries()) {
      const one = wordCost(word, own);
      if (one !== undefined) least = Math.min(least, one + place / 100);
    }
    if (least === Infinity) return undefined;
    cost += least;
  }
  return cost;
}

/** 0 the same, < 1 its beginning or a number in it, 1 within it, ≥ 2 misspelt; none too far. */
export function wordCost(asked: string, own: string): number | undefined {
  if (own === asked) return 0;
  if (/^\d+$/.test(asked)) return /^\d+$/.test(own) && Number(own) === Number(asked) ? 0.1 : own.startsWith(asked) ? 0.6 : undefined;
  if (own.startsWith(asked)) return 0.3;
  if (asked.length >= 3 && own.includes(asked)) return 1;
  const allowed = asked.length >= 7 ? 2 : asked.length >= 4 ? 1 : 0;
  if (allowed === 0) return undefined;
  // Against the word's beginning, so that a half-typed word may be misspelt too.
  const far = Math.min(
    ...[own, own.slice(0, asked.length), own.slice(0, asked.length + 1)].map((part) => distance(asked, part, allowed)),
  );
  return far <= allowed ? 1 + far : undefined;
}

/** Letters put in, left out, changed, or swapped with the next; more than `most` is `most + 1`. */
export function distance(a: string, b: string, most: number): number {
  if (Math.abs(a.length - b.length) > most) return most + 1;
  let before: number[] = [];
  let above = Array.from({ length: b.length + 1 }, (_, n) => n);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let least = Math.min((above[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (above[j - 1] ?? 0) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        least = Math.min(least, (before[j - 2] ?? 0) + 1);
      }
      row.push(least);
    }
    if (Math.min(...row) > most) return most + 1;
    before = above;
    above = row;
  }
  return above[b.length] ?? most + 1;
}
