"""Which parameter sets a stream uses now, from its description and from the stream itself."""

from __future__ import annotations

from custodes.base.errors import InvalidError
from custodes.media.bits import MAX_RBSP_BYTES, BitReader, unescape
from custodes.media.nal import H264, H265, nal_type
from custodes.media.packets import Codec, ParameterSets
from custodes.media.sps import parse_sps

_MAX_SPS_ID = {Codec.H264: 31, Codec.H265: 15}
_MAX_PPS_ID = {Codec.H264: 255, Codec.H265: 63}
START_CODES = (b"\0\0\0\1", b"\0\0\1")


class ParameterTracker:
    """The latest valid parameter set of each kind and number.

    A set that does not parse is never taken, so a description full of garbage leaves what comes in-band.
    Cost: a set that is already known is recognised by its bytes and not parsed again.
    """

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._vps_type = H265.VPS if codec is Codec.H265 else None
        self._sps_type: int = H264.SPS if codec is Codec.H264 else H265.SPS
        self._pps_type: int = H264.PPS if codec is Codec.H264 else H265.PPS
        self._sets: dict[tuple[int, int], bytes] = {}
        self._known: set[bytes] = set()

    def observe(self, nal: bytes) -> bool:
        """Take one parameter set; True when it changes what is known.

        Errors: InvalidError when it does not parse or is longer than 4 KiB.
        """
        if nal in self._known:
            return False
        type_ = nal_type(self._codec, nal)
        self._sets[type_, self._number(type_, nal)] = nal
        self._known = set(self._sets.values())
        return True

    def observe_described(self, units: tuple[bytes, ...]) -> int:
        """Take the sets of a description, start codes in front of them taken off; how many were refused."""
        refused = 0
        for unit in units:
            code = next((code for code in START_CODES if unit.startswith(code)), b"")
            try:
                self.observe(unit[len(code) :])
            except InvalidError:
                refused += 1
        return refused

    def current(self) -> ParameterSets | None:
        """All sets known now, None while one of the kinds that decoding needs is missing."""
        vps = self._of_type(self._vps_type) if self._vps_type is not None else ()
        sps, pps = self._of_type(self._sps_type), self._of_type(self._pps_type)
        if not sps or not pps or (self._vps_type is not None and not vps):
            return None
        return ParameterSets(self._codec, vps, sps, pps)

    def _of_type(self, type_: int) -> tuple[bytes, ...]:
        return tuple(nal for (kind, _), nal in sorted(self._sets.items()) if kind == type_)

    def _number(self, type_: int, nal: bytes) -> int:
        if len(nal) > MAX_RBSP_BYTES:
            raise InvalidError(f"a parameter set of {len(nal)} bytes; at most {MAX_RBSP_BYTES} are taken")
        header = 1 if self._codec is Codec.H264 else 2
        reader = BitReader(unescape(nal[header:]))
        if type_ == self._vps_type:
            return reader.bits(4)
        if type_ == self._sps_type:
            parse_sps(self._codec, nal)
            return _checked(self._sps_number(reader), _MAX_SPS_ID[self._codec])
        if type_ == self._pps_type:
            number = _checked(reader.ue(), _MAX_PPS_ID[self._codec])
            _checked(reader.ue(), _MAX_SPS_ID[self._codec])
            return number
        raise InvalidError("the NAL unit is not a parameter set")

    def _sps_number(self, reader: BitReader) -> int:
        if self._codec is Codec.H264:
            reader.skip(24)
            return reader.ue()
        reader.skip(4)
        sub_layers = reader.bits(3)
        reader.skip(1 + 96)
        present = [(reader.bits(1), reader.bits(1)) for _ in range(sub_layers)]
        reader.skip(2 * (8 - sub_layers) if sub_layers else 0)
        for has_profile, has_level in present:
            reader.skip(88 * has_profile + 8 * has_level)
        return reader.ue()


def _checked(number: int, largest: int) -> int:
    if number > largest:
        raise InvalidError(f"a parameter set numbered {number}; the largest number is {largest}")
    return number
