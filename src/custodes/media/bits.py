"""Reading the bits of parameter sets, slice headers and SEI messages."""

from __future__ import annotations

from custodes.base.errors import InvalidError

MAX_RBSP_BYTES = 4096


def unescape(nal: bytes) -> bytes:
    """The bytes of a NAL unit without emulation prevention bytes.

    Source: ITU-T H.264 7.4.1, H.265 7.4.2. After two zeros, a 3 is never data.
    """
    return nal.replace(b"\0\0\3", b"\0\0")


class BitReader:
    """Bits from the most significant on; reading past the end is InvalidError.

    Cost: holds the whole input as one integer, so it is meant for headers of at most MAX_RBSP_BYTES.
    """

    __slots__ = ("_left", "_value")

    def __init__(self, rbsp: bytes) -> None:
        if len(rbsp) > MAX_RBSP_BYTES:
            raise InvalidError(f"a header of {len(rbsp)} bytes; at most {MAX_RBSP_BYTES} are read")
        self._value = int.from_bytes(rbsp, "big")
        self._left = len(rbsp) * 8

    @property
    def left(self) -> int:
        """How many bits have not been read."""
        return self._left

    def bits(self, count: int) -> int:
        """The next `count` bits as an unsigned integer."""
        if count > self._left:
            raise InvalidError("the header ends too early")
        self._left -= count
        return (self._value >> self._left) & ((1 << count) - 1)

    def flag(self) -> bool:
        """The next bit."""
        return self.bits(1) == 1

    def skip(self, count: int) -> None:
        """Pass over `count` bits."""
        if count > self._left:
            raise InvalidError("the header ends too early")
        self._left -= count

    def ue(self) -> int:
        """The next unsigned Exp-Golomb number, at most 2**32 - 2."""
        rest = self._value & ((1 << self._left) - 1)
        zeros = self._left - rest.bit_length()
        if zeros > 31 or 2 * zeros + 1 > self._left:
            raise InvalidError("not an Exp-Golomb number of 32 bits")
        self._left -= zeros
        return self.bits(zeros + 1) - 1

    def se(self) -> int:
        """The next signed Exp-Golomb number."""
        code = self.ue()
        return (code + 1) // 2 if code & 1 else -(code // 2)
