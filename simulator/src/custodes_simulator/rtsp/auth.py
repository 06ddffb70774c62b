"""Basic and Digest authentication as cameras do it.

Source: RFC 2617, RFC 7616, RFC 7617.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from enum import StrEnum

from custodes_simulator.rtsp.message import Request

_PAIR = re.compile(r'(\w+)=(?:"([^"]*)"|([^\s,]+))')
_NONCES_KEPT = 4096


class Scheme(StrEnum):
    """A way of proving a password; the order in which a camera lists them is the order offered."""

    BASIC = "basic"
    DIGEST_MD5 = "digest-md5"
    DIGEST_SHA256 = "digest-sha256"


class NonceUse(StrEnum):
    """How long a nonce holds: any number of uses, on the connection that got it, or for one request."""

    FREE = "free"
    CONNECTION = "connection"
    REQUEST = "request"


@dataclass(slots=True)
class Authenticator:
    """Checks credentials of one camera; no schemes means that none are asked for."""

    user: str
    password: str
    schemes: tuple[Scheme, ...]
    realm: str = "camera"
    with_qop: bool = True
    nonce_use: NonceUse = NonceUse.FREE
    _nonces: dict[str, int] = field(default_factory=dict)

    def challenges(self, connection: int, *, stale: bool = False) -> list[str]:
        """Values of WWW-Authenticate headers, with a fresh nonce that belongs to this connection."""
        nonce = secrets.token_hex(16)
        self._nonces[nonce] = connection
        if len(self._nonces) > _NONCES_KEPT:
            del self._nonces[next(iter(self._nonces))]
        made = []
        for scheme in self.schemes:
            if scheme is Scheme.BASIC:
                made.append(f'Basic realm="{self.realm}"')
                continue
            text = f'Digest realm="{self.realm}", nonce="{nonce}"'
            if scheme is Scheme.DIGEST_SHA256:
                text += ", algorithm=SHA-256"
            if self.with_qop:
                text += ', qop="auth"'
            made.append(text + (", stale=true" if stale else ""))
        return made

    def forget_nonces(self) -> None:
        """Every nonce given out so far is stale from now on."""
        self._nonces.clear()

    def check(self, request: Request, connection: int) -> tuple[bool, bool]:
        """Whether the request is let in, and whether it failed for a stale nonce alone."""
        if not self.schemes:
            return True, False
        kind, _, rest = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "basic" and Scheme.BASIC in self.schemes:
            expected = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
            return hmac.compare_digest(rest.strip(), expected), False
        if kind.lower() != "digest":
            return False, False
        return self._check_digest(request, rest, connection)

    def _check_digest(self, request: Request, text: str, connection: int) -> tuple[bool, bool]:
        fields = {name.lower(): quoted or bare for name, quoted, bare in _PAIR.findall(text)}
        algorithm = fields.get("algorithm", "MD5").upper()
        scheme = Scheme.DIGEST_SHA256 if algorithm == "SHA-256" else Scheme.DIGEST_MD5
        if scheme not in self.schemes or fields.get("username") != self.user:
            return False, False
        expected = digest_response(fields, self.password, request.method, scheme)
        if not hmac.compare_digest(fields.get("response", ""), expected):
            return False, False
        nonce = fields.get("nonce", "")
        owner = self._nonces.get(nonce)
        if owner is None or (self.nonce_use is NonceUse.CONNECTION and owner != connection):
            return False, True
        if self.nonce_use is NonceUse.REQUEST:
            del self._nonces[nonce]
        return True, False


def digest_response(fields: dict[str, str], password: str, method: str, scheme: Scheme) -> str:
    """The response value that these fields of an Authorization header call for."""
    algorithm = "sha256" if scheme is Scheme.DIGEST_SHA256 else "md5"

    def hashed(text: str) -> str:
        return hashlib.new(algorithm, text.encode()).hexdigest()

    first = hashed(f"{fields.get('username', '')}:{fields.get('realm', '')}:{password}")
    second = hashed(f"{method}:{fields.get('uri', '')}")
    if "qop" in fields:
        middle = ":".join(fields.get(name, "") for name in ("nonce", "nc", "cnonce", "qop"))
        return hashed(f"{first}:{middle}:{second}")
    return hashed(f"{first}:{fields.get('nonce', '')}:{second}")
