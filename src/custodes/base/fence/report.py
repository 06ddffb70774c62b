"""What a process's fences are, as health shows it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fence:
    """One fence; `detail` says what it covers, or by name why the kernel lacks it."""

    name: str
    applied: bool
    detail: str


@dataclass(frozen=True, slots=True)
class FenceReport:
    """The fences of one process, in the order in which they were set."""

    fences: tuple[Fence, ...] = ()

    def __add__(self, other: FenceReport | Fence) -> FenceReport:
        """This report and more."""
        return FenceReport(self.fences + (other.fences if isinstance(other, FenceReport) else (other,)))

    @property
    def missing(self) -> tuple[Fence, ...]:
        """Fences that the kernel lacks."""
        return tuple(fence for fence in self.fences if not fence.applied)

    def document(self) -> list[dict[str, str | bool]]:
        """The report as JSON holds it."""
        return [{"name": f.name, "applied": f.applied, "detail": f.detail} for f in self.fences]
