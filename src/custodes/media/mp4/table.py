"""The sample table of a track: size, times and key flag of each sample, in columns.

Units: 1/90,000 s. Cost: 25 bytes a sample.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from custodes.base.errors import InvalidError
from custodes.media.timeline import CLOCK_HZ, decode_90k

MAX_SAMPLES = 1 << 24
MAX_SAMPLE_BYTES = 1 << 28
# FFmpeg reads longer durations and offsets as negative ones.
MAX_DURATION_90K = (1 << 31) - 1
_MAX_OFFSET_90K = (1 << 31) - 1
_ONLY_DURATION_90K = CLOCK_HZ // 25


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample: an access unit of `size` bytes.

    `decode_90k` + `composition_offset_90k` is when it is shown.
    """

    size: int
    decode_90k: int
    composition_offset_90k: int
    is_key: bool


class SampleTable:
    """Samples in decoding order; decoding times rise strictly."""

    __slots__ = ("decode_90k", "keys", "offsets_90k", "sizes")

    def __init__(self, samples: Iterable[Sample] = ()) -> None:
        self.sizes = array("I")
        self.decode_90k = array("q")
        self.offsets_90k = array("i")
        self.keys = bytearray()
        for sample in samples:
            self.append(sample)

    def __len__(self) -> int:
        return len(self.sizes)

    def __iter__(self) -> Iterator[Sample]:
        columns = zip(self.sizes, self.decode_90k, self.offsets_90k, self.keys, strict=True)
        return (Sample(size, decode, offset, bool(key)) for size, decode, offset, key in columns)

    def append(self, sample: Sample) -> None:
        """Add the next sample in decoding order.

        Errors: InvalidError for an empty or over-long sample, a decoding time that does not rise or rises
        by more than MAX_DURATION_90K, an offset beyond 32 bits signed, or too many samples.
        """
        if not 0 < sample.size <= MAX_SAMPLE_BYTES:
            raise InvalidError(f"a sample of {sample.size} bytes; from 1 to {MAX_SAMPLE_BYTES} are allowed")
        if self.decode_90k and not 0 < sample.decode_90k - self.decode_90k[-1] <= MAX_DURATION_90K:
            raise InvalidError(f"decoding times must rise by 1 to {MAX_DURATION_90K} ticks")
        if abs(sample.composition_offset_90k) > _MAX_OFFSET_90K:
            raise InvalidError("a composition offset beyond 32 bits")
        if len(self.sizes) >= MAX_SAMPLES:
            raise InvalidError(f"a track holds at most {MAX_SAMPLES} samples")
        self.sizes.append(sample.size)
        self.decode_90k.append(sample.decode_90k)
        self.offsets_90k.append(sample.composition_offset_90k)
        self.keys.append(sample.is_key)

    def durations_90k(self) -> list[int]:
        """How long each sample lasts until the next is decoded; the last lasts as long as the median one."""
        durations = [after - at for at, after in pairwise(self.decode_90k)]
        if self.decode_90k:
            durations.append(sorted(durations)[len(durations) // 2] if durations else _ONLY_DURATION_90K)
        return durations

    def presentation_90k(self) -> list[int]:
        """When each sample is shown."""
        return [at + offset for at, offset in zip(self.decode_90k, self.offsets_90k, strict=True)]


def tabulate(sizes: Iterable[int], presentation: Sequence[int], keys: Iterable[bool]) -> SampleTable:
    """The table of access units in decoding order that are shown at these times.

    Errors: as `SampleTable.append`; the three must be of one length (ValueError).
    """
    decode = decode_90k(presentation)
    columns = zip(sizes, decode, presentation, keys, strict=True)
    return SampleTable(Sample(size, at, shown - at, key) for size, at, shown, key in columns)
