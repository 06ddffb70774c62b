// Questions about recorded, missing and masked time.

export type Span = { from_us: number; to_us: number };
export type ReasonedSpan = Span & { reason: string };
export type Spans = { recorded: Span[]; gaps: ReasonedSpan[]; masked: ReasonedSpan[] | null };
export type Moment =
  | { kind: "recorded" }
  | { kind: "masked"; reason: string }
  | { kind: "gap"; reason: string }
  /** Before what is kept, or nothing is known of it. */
  | { kind: "nothing" }
  | { kind: "future" };

const holds = (span: Span, us: number) => span.from_us <= us && us < span.to_us;

/** What a moment is; a gap counts before a mask. */
export function momentAt(spans: Spans, us: number, now_us: number): Moment {
  if (us > now_us) return { kind: "future" };
  const gap = spans.gaps.find((span) => holds(span, us));
  if (gap) return { kind: "gap", reason: gap.reason };
  const masked = (spans.masked ?? []).find((span) => holds(span, us));
  if (masked) return { kind: "masked", reason: masked.reason };
  return spans.recorded.some((span) => holds(span, us)) ? { kind: "recorded" } : { kind: "nothing" };
}

/** The start of the next recorded time in this direction, when the moment itself is not in one. */
export function nextRecorded(recorded: readonly Span[], us: number, direction: 1 | -1): number | undefined {
  if (recorded.some((span) => holds(span, us))) return undefined;
  if (direction === 1) return recorded.find((span) => span.from_us > us)?.from_us;
  const before = recorded.findLast((span) => span.to_us <= us);
  return before && before.to_us - 1_000_000;
}

/** How much of a time the spans cover. Range: 0 … 1. */
export function shareOf(spans: readonly Span[], from_us: number, to_us: number): number {
  const covered = spans.reduce(
    (sum, span) => sum + Math.max(0, Math.min(span.to_us, to_us) - Math.max(span.from_us, from_us)),
    0,
  );
  return to_us > from_us ? covered / (to_us - from_us) : 0;
}

/** Where lines of a time scale stand: the smallest step that leaves at least `least_px` between two. */
export function stepFor(length_us: number, width_px: number, least_px: number): number {
  const steps_s = [10, 30, 60, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400];
  const found = steps_s.find((step) => (step * 1e6 * width_px) / length_us >= least_px);
  return (found ?? 86_400) * 1e6;
}
