"""Digest and Basic authentication.

Digest SHA-256 is preferred to Digest MD5, that to Basic. A nonce is never used on a second connection: an
`Authenticator` lives as long as one. Source: RFC 7616, RFC 7617, RFC 2069 (Digest without qop).
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass

MAX_CHALLENGES = 16
_MAX_CHALLENGE_CHARACTERS = 4096
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r'\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_ALGORITHMS = {"SHA-256": 2, "MD5": 1}


@dataclass(frozen=True, slots=True)
class Challenge:
    """One challenge of a WWW-Authenticate header; scheme and parameter names in lower case."""

    scheme: str
    parameters: dict[str, str]


def parse_challenges(values: Iterable[str]) -> list[Challenge]:
    """Challenges of WWW-Authenticate headers, several in each; what does not parse is skipped."""
    challenges: list[Challenge] = []
    for value in values:
        text, at = value[:_MAX_CHALLENGE_CHARACTERS], 0
        while (token := _TOKEN.search(text, at)) is not None and len(challenges) < MAX_CHALLENGES:
            at = token.end()
            pair = _VALUE.match(text, at)
            if pair is None:
                challenges.append(Challenge(token[0].lower(), {}))
                continue
            at = pair.end()
            if challenges:
                quoted = pair[1]
                content = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else pair[2]
                challenges[-1].parameters.setdefault(token[0].lower(), content)
    return challenges


class Authenticator:
    """Answers one connection's challenges with one user's password."""

    def __init__(self, username: str, password: str) -> None:
        self._username = username
        self._password = password
        self._challenge: Challenge | None = None
        self._uses = 0

    @property
    def nonce(self) -> str | None:
        """The nonce in use, None for Basic and before any challenge."""
        return self._challenge.parameters.get("nonce") if self._challenge else None

    def accept(self, values: Iterable[str]) -> bool:
        """Take the best challenge offered; False where none can be answered."""
        best, best_rank = None, -1
        for challenge in parse_challenges(values):
            rank = _rank(challenge)
            if rank > best_rank:
                best, best_rank = challenge, rank
        if best is None:
            return False
        self._challenge, self._uses = best, 0
        return True

    def accept_next_nonce(self, value: str) -> None:
        """Take the nonce that an Authentication-Info header announces for the next request."""
        if self._challenge is None or self._challenge.scheme != "digest":
            return
        announced = parse_challenges([f"Digest {value}"])[0].parameters.get("nextnonce")
        if announced:
            self._challenge = Challenge("digest", {**self._challenge.parameters, "nonce": announced})
            self._uses = 0

    def header(self, method: str, url: str) -> str | None:
        """The Authorization header of a request, None before any challenge."""
        if self._challenge is None:
            return None
        if self._challenge.scheme == "basic":
            pair = f"{self._username}:{self._password}".encode()
            return "Basic " + base64.b64encode(pair).decode("ascii")
        self._uses += 1
        cnonce = os.urandom(8).hex()
        return digest_header(
            self._challenge.parameters, self._username, self._password, method, url, self._uses, cnonce
        )


def _rank(challenge: Challenge) -> int:
    if challenge.scheme == "basic":
        return 0
    parameters = challenge.parameters
    if challenge.scheme != "digest" or "nonce" not in parameters:
        return -1
    if "qop" in parameters and "auth" not in _qop_options(parameters):
        return -1
    return _ALGORITHMS.get(parameters.get("algorithm", "MD5").upper(), -1)


def _qop_options(parameters: dict[str, str]) -> set[str]:
    return {option.strip().lower() for option in parameters.get("qop", "").split(",")}


def digest_header(
    parameters: dict[str, str], username: str, password: str, method: str, url: str, uses: int, cnonce: str
) -> str:
    """The Authorization header that answers a Digest challenge. Source: RFC 7616 3.4."""
    algorithm = parameters.get("algorithm", "MD5")
    new = hashlib.sha256 if algorithm.upper() == "SHA-256" else hashlib.md5

    def digest(*parts: str) -> str:
        return new(":".join(parts).encode()).hexdigest()

    realm, nonce = parameters.get("realm", ""), parameters["nonce"]
    secret, request = digest(username, realm, password), digest(method, url)
    fields = [f'username="{_quote(username)}"', f'realm="{_quote(realm)}"', f'nonce="{_quote(nonce)}"']
    fields.append(f'uri="{url}"')
    if "auth" in _qop_options(parameters):
        count = f"{uses:08x}"
        response = digest(secret, nonce, count, cnonce, "auth", request)
        fields += ["qop=auth", f"nc={count}", f'cnonce="{cnonce}"']
    else:
        response = digest(secret, nonce, request)
    fields.append(f'response="{response}"')
    if "algorithm" in parameters:
        fields.append(f"algorithm={algorithm.upper()}")
    if "opaque" in parameters:
        fields.append(f'opaque="{_quote(parameters["opaque"])}"')
    return "Digest " + ", ".join(fields)


def _quote(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def is_stale(values: Iterable[str]) -> bool:
    """Whether a challenge says that only the nonce was too old, not the password wrong."""
    return any(
        challenge.parameters.get("stale", "").lower() == "true" for challenge in parse_challenges(values)
    )
