// What a player must know of a fragmented MP4: its time scale, and when each picture is shown.
// Source: ISO/IEC 14496-12, 8.8.

type Box = { kind: string; from: number; to: number };

/** Boxes between two offsets; one that is cut short ends the list. */
export function* boxesOf(data: Uint8Array, from = 0, to = data.length): Generator<Box> {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  let at = from;
  while (at + 8 <= to) {
    let size = view.getUint32(at);
    let head = 8;
    if (size === 1 && at + 16 <= to) {
      size = Number(view.getBigUint64(at + 8));
      head = 16;
    }
    if (size < head || at + size > to) return;
    yield { kind: String.fromCharCode(...data.subarray(at + 4, at + 8)), from: at + head, to: at + size };
    at += size;
  }
}

/** The first box at the end of a way of kinds, or nothing. */
export function boxAt(data: Uint8Array, ...kinds: string[]): Box | undefined {
  let found: Box | undefined = { kind: "", from: 0, to: data.length };
  for (const kind of kinds) {
    if (found === undefined) return undefined;
    found = [...boxesOf(data, found.from, found.to)].find((box) => box.kind === kind);
  }
  return found;
}

/** Ticks a second of the first track, or nothing. */
export function ticksPerSecond(data: Uint8Array): number | undefined {
  const box = boxAt(data, "moov", "trak", "mdia", "mdhd");
  if (box === undefined) return undefined;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  return view.getUint32(box.from + (data[box.from] === 1 ? 20 : 12));
}

/** When each fragment's first picture is decoded. Units: ticks. */
export function decodeTimes(data: Uint8Array): number[] {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const times: number[] = [];
  for (const moof of boxesOf(data)) {
    if (moof.kind !== "moof") continue;
    for (const traf of boxesOf(data, moof.from, moof.to)) {
      if (traf.kind !== "traf") continue;
      for (const tfdt of boxesOf(data, traf.from, traf.to)) {
        if (tfdt.kind !== "tfdt") continue;
        const wide = data[tfdt.from] === 1;
        times.push(wide ? Number(view.getBigUint64(tfdt.from + 4)) : view.getUint32(tfdt.from + 4));
      }
    }
  }
  return times;
}
