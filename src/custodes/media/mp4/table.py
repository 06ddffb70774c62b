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

    @classmethod
    def of_columns(
        cls, sizes: Sequence[int], decode_90k: Sequence[int], offsets_90k: Sequence[int], keys: Sequence[int]
    ) -> SampleTable:
        """A whole table at once. Errors: as `append`; ValueError when the columns differ in length."""
        if not len(sizes) == len(decode_90k) == len(offsets_90k) == len(keys):
            raise ValueError("the columns of a sample table are of one length")
        table = cls()
        rises = {after - at for at, after in pairwise(decode_90k)} or {1}
        if sizes:
            _check_count(len(sizes))
            _check_size(min(sizes))
            _check_size(max(sizes))
            _check_rise(min(rises))
            _check_rise(max(rises))
            _check_offset(min(offsets_90k))
            _check_offset(max(offsets_90k))
        table.sizes.extend(sizes)
        table.decode_90k.extend(decode_90k)
        table.offsets_90k.extend(offsets_90k)
        table.keys.extend(keys)
        return table

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
        _check_size(sample.size)
        if self.decode_90k:
            _check_rise(sample.decode_90k - self.decode_90k[-1])
        _check_offset(sample.composition_offset_90k)
        _check_count(len(self.sizes) + 1)
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


def tabulate(sizes: Iterable[int], presentation: Sequence[int], keys: Iterable[int]) -> SampleTable:
    """The table of access units in decoding order that are shown at these times.

    Errors: as `SampleTable.append`; the three must be of one length (ValueError).
    """
    decode = decode_90k(presentation)
    offsets = [shown - at for shown, at in zip(presentation, decode, strict=True)]
    return SampleTable.of_columns(list(sizes), decode, offsets, list(keys))


def _check_count(count: int) -> None:
    if count > MAX_SAMPLES:
        raise InvalidError(f"a track holds at most {MAX_SAMPLES} samples")


def _check_size(size: int) -> None:
    if not 0 < size <= MAX_SAMPLE_BYTES:
        raise InvalidError(f"a sample of {size} bytes; from 1 to {MAX_SAMPLE_BYTES} are allowed")


def _check_rise(rise_90k: int) -> None:
    if not 0 < rise_90k <= MAX_DURATION_90K:
        raise InvalidError(f"decoding times must rise by 1 to {MAX_DURATION_90K} ticks")


def _check_offset(offset_90k: int) -> None:
    if abs(offset_90k) > _MAX_OFFSET_90K:
        raise InvalidError("a composition offset beyond 32 bits")
