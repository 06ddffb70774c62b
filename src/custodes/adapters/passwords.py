"""Passwords as argon2id hashes. Source: RFC 9106, section 4 (second recommended option); OWASP."""

from __future__ import annotations

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from custodes.base.errors import CorruptError

ITERATIONS = 3
MEMORY_KIB = 64 << 10
LANES = 4


class Passwords:
    """Hashes and checks. Cost: 64 MiB and some 100 ms each, so that callers bound how many run at once."""

    def __init__(
        self, iterations: int = ITERATIONS, memory_kib: int = MEMORY_KIB, lanes: int = LANES
    ) -> None:
        self._hasher = PasswordHasher(iterations, memory_kib, lanes, type=Type.ID)
        # What a name that is nobody's is checked against, so that it takes as long as a name that is somebody's.
        self._nobody = self._hasher.hash("nobody has this password")

    def hash(self, password: str) -> str:
        """The hash with its salt and parameters, in argon2's own encoding."""
        return self._hasher.hash(password.encode("utf-8", "surrogatepass"))

    def is_right(self, stored: str | None, password: str) -> bool:
        """Whether the password is that of the hash; of no hash it is not, after as long a time.

        Errors: CorruptError when what is stored is no hash.
        """
        try:
            right = self._hasher.verify(stored or self._nobody, password.encode("utf-8", "surrogatepass"))
        except VerifyMismatchError:
            return False
        except (InvalidHashError, VerificationError) as error:
            raise CorruptError("a stored password is no argon2 hash") from error
        return right and stored is not None

    def is_old(self, stored: str) -> bool:
        """Whether it was made with other parameters than those of now."""
        return self._hasher.check_needs_rehash(stored)
