"""The store in memory fails as it is told to."""

from __future__ import annotations

import threading

import pytest

from custodes.adapters.objects.memory import Fault, MemoryObjectStore
from custodes.base.errors import ExhaustedError, NotFoundError, UnavailableError


def test_a_call_that_failed_may_have_landed_or_not() -> None:
    store = MemoryObjectStore()
    store.break_(Fault.NOT_LANDED)
    store.break_(Fault.LANDED)
    with pytest.raises(UnavailableError):
        store.put("a", b"x")
    with pytest.raises(NotFoundError):
        store.get("a")
    with pytest.raises(UnavailableError):
        store.put("a", b"x")
    assert store.get("a") == b"x"
    store.put("a", b"x")


def test_a_full_store_still_reads_and_deletes() -> None:
    store = MemoryObjectStore()
    store.put("a", b"x")
    store.break_(Fault.FULL)
    with pytest.raises(ExhaustedError):
        store.put("b", b"x")
    with pytest.raises(ExhaustedError):
        store.swap("a", b"y", b"x")
    assert store.free_bytes() == 0
    assert store.get("a") == b"x"
    store.delete("a")
    store.mend()
    store.put("b", b"x")
    assert list(store.list("")) == ["b"]


def test_a_store_that_is_away_answers_nothing() -> None:
    store = MemoryObjectStore()
    store.put("a", b"x")
    store.break_(Fault.AWAY)
    for call in (lambda: store.get("a"), lambda: store.delete("a"), lambda: store.list("")):
        with pytest.raises(UnavailableError):
            call()
    store.mend()
    assert store.get("a") == b"x"


def test_a_stalled_call_goes_on_when_mended() -> None:
    store = MemoryObjectStore()
    store.break_(Fault.STALLED)
    thread = threading.Thread(target=store.put, args=("a", b"x"))
    thread.start()
    thread.join(0.05)
    assert thread.is_alive()
    store.mend()
    thread.join(30)
    assert store.get("a") == b"x"
