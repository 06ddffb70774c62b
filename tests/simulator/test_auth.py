"""Basic and Digest, together and apart."""

from __future__ import annotations

import base64
import re
from typing import Any

import pytest

from custodes_simulator import CameraSpec, SceneSource, Scheme, SimulatedFleet, StreamSpec
from custodes_simulator.rtsp.auth import digest_response

SHORT = StreamSpec("main", SceneSource(width=160, height=90, duration_s=1))
PASSWORD = 'p:a"ss'.replace('"', "'")


def digest_header(challenge: str, method: str, url: str, password: str, scheme: Scheme) -> str:
    fields = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
    fields |= {"username": "admin", "uri": url, "nc": "00000001", "cnonce": "abc", "qop": "auth"}
    fields["response"] = digest_response(fields, password, method, scheme)
    text = ", ".join(f'{key}="{value}"' for key, value in fields.items())
    return "Digest " + text + (", algorithm=SHA-256" if scheme is Scheme.DIGEST_SHA256 else "")


@pytest.mark.parametrize("scheme", [Scheme.DIGEST_MD5, Scheme.DIGEST_SHA256])
async def test_digest_lets_the_right_password_in_alone(tools: Any, scheme: Scheme) -> None:
    spec = CameraSpec("cam1", (SHORT,), password=PASSWORD, schemes=(scheme,))
    async with SimulatedFleet([spec]) as fleet:
        client = tools.client(fleet.url("cam1"))
        await client.connect()
        challenge = await client.ask("DESCRIBE")
        assert challenge.status == 401
        offered = challenge.get("www-authenticate")
        assert ("SHA-256" in offered) == (scheme is Scheme.DIGEST_SHA256)
        wrong = digest_header(offered, "DESCRIBE", client.url, "other", scheme)
        assert (await client.ask("DESCRIBE", Authorization=wrong)).status == 401
        right = digest_header(offered, "DESCRIBE", client.url, PASSWORD, scheme)
        assert (await client.ask("DESCRIBE", Authorization=right)).status == 200
        basic = base64.b64encode(f"admin:{PASSWORD}".encode()).decode()
        assert (await client.ask("DESCRIBE", Authorization=f"Basic {basic}")).status == 401
        await client.close()


async def test_basic_and_digest_together_take_either(tools: Any) -> None:
    schemes = (Scheme.BASIC, Scheme.DIGEST_MD5)
    spec = CameraSpec("cam1", (SHORT,), password=PASSWORD, schemes=schemes)
    async with SimulatedFleet([spec]) as fleet:
        client = tools.client(fleet.url("cam1"))
        await client.connect()
        challenge = await client.ask("DESCRIBE")
        offered = [value for key, value in challenge.headers if key == "WWW-Authenticate"]
        assert [value.split()[0] for value in offered] == ["Basic", "Digest"]
        basic = base64.b64encode(f"admin:{PASSWORD}".encode()).decode()
        assert (await client.ask("DESCRIBE", Authorization=f"Basic {basic}")).status == 200
        digest = digest_header(offered[1], "DESCRIBE", client.url, PASSWORD, Scheme.DIGEST_MD5)
        assert (await client.ask("DESCRIBE", Authorization=digest)).status == 200
        await client.close()
