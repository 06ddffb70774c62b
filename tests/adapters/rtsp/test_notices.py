from __future__ import annotations

from custodes.adapters.rtsp.notices import Notice, NoticeBoard, NoticeKind
from custodes.base.clock import ManualClock


def test_the_first_notice_comes_at_once_and_the_others_summed_each_second() -> None:
    clock, published = ManualClock(), list[Notice]()
    board = NoticeBoard(published.append, clock)
    for _ in range(1000):
        board.post(NoticeKind.LOSS, "a", 3)
    board.post(NoticeKind.JUNK, "b", 7)
    assert [(notice.kind, notice.count) for notice in published] == [
        (NoticeKind.LOSS, 3),
        (NoticeKind.JUNK, 7),
    ]
    board.flush()
    assert len(published) == 2
    clock.advance(1_000_000)
    board.flush()
    assert published[-1].count == 2997
    board.flush()
    assert len(published) == 3


def test_nothing_is_dropped_at_the_end() -> None:
    published = list[Notice]()
    board = NoticeBoard(published.append, ManualClock())
    board.post(NoticeKind.LOSS, "a")
    board.post(NoticeKind.LOSS, "b" * 1000)
    board.flush(everything=True)
    assert [notice.count for notice in published] == [1, 1]
    assert len(published[-1].detail) == 200
