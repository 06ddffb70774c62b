"""RTCP sender reports.

Source: RFC 3550 sections 6.4.1 and 6.5.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

NTP_EPOCH_S = 2_208_988_800


@dataclass(frozen=True, slots=True)
class SenderReport:
    """What a camera says about one of its RTP streams.

    `utc_us`: the wall time that belongs to `rtp_time`, by the camera's own clock.
    """

    ssrc: int
    utc_us: int
    rtp_time: int
    packets: int
    octets: int

    def encoded(self, name: str) -> bytes:
        """A compound packet: this report and an SDES with the canonical name."""
        seconds, micros = divmod(self.utc_us, 1_000_000)
        report = struct.pack(
            ">BBHIIIIII",
            0x80,
            200,
            6,
            self.ssrc,
            (seconds + NTP_EPOCH_S) & 0xFFFFFFFF,
            (micros << 32) // 1_000_000,
            self.rtp_time & 0xFFFFFFFF,
            self.packets & 0xFFFFFFFF,
            self.octets & 0xFFFFFFFF,
        )
        text = name.encode()[:255]
        item = struct.pack(">IBB", self.ssrc, 1, len(text)) + text
        item += bytes(4 - len(item) % 4)
        return report + struct.pack(">BBH", 0x81, 202, len(item) // 4) + item
