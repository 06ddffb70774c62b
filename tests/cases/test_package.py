"""Packages: the archive's one form, the list, the seal."""

import io
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from custodes.base.canon import canon, parse_canon
from custodes.base.errors import InvalidError, UnverifiedError
from custodes.base.keys import SigningKey
from custodes.base.sealing import PublicSealingKey
from custodes.cases.archive import ArchiveMember, member_header, member_of, read_archive, write_archive
from custodes.cases.bundle import Opening
from custodes.cases.package import archive_of, envelope_name, open_package, seal_package, video_name
from custodes.cases.package_list import (
    PackagedCheckpoint,
    PackagedEntry,
    PackagedEnvelope,
    PackagedKeys,
    PackagedVideo,
    PackageList,
    parse_package_list,
)
from custodes.cases.scope import Scope
from custodes.ledger.checkpoint import Checkpoint, sign_checkpoint

contents = st.dictionaries(
    st.text("abcdefgh/0123", min_size=1, max_size=90).map(lambda name: f"{name}.x"),
    st.binary(max_size=1500),
    max_size=5,
)


def pieces_of(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


@given(contents, st.integers(1, 700))
def test_an_archive_is_read_by_anybody_and_by_us(files: dict[str, bytes], size: int) -> None:
    data = b"".join(write_archive(member_of(name, content) for name, content in files.items()))
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        found = archive.getmembers()
        assert [member.name for member in found] == list(files)
        for member in found:
            assert (member.mode, member.uid, member.gid, member.mtime) == (0o644, 0, 0, 0)
            content = archive.extractfile(member)
            assert content is not None
            assert content.read() == files[member.name]
    read = {member.name: b"".join(member.chunks) for member in read_archive(pieces_of(data, size))}
    assert read == files


def test_files_of_an_archive_may_be_skipped() -> None:
    data = b"".join(write_archive([member_of("a", b"x" * 1000), member_of("b", b"y")]))
    assert [member.name for member in read_archive([data])] == ["a", "b"]


@settings(max_examples=200)
@given(st.data())
def test_an_archive_has_one_spelling(data: st.DataObject) -> None:
    files = {"a": b"x" * 10, "b": b"y" * 600}
    archive = bytearray(b"".join(write_archive(member_of(*item) for item in files.items())))
    archive[data.draw(st.integers(0, len(archive) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        read = {member.name: b"".join(member.chunks) for member in read_archive([bytes(archive)])}
    except UnverifiedError:
        return
    # Contents are the seal's to protect; all else is checked here.
    assert list(read) == list(files)
    assert [len(content) for content in read.values()] == [10, 600]
    assert read != files


def test_an_archive_that_ends_early_or_late_is_refused() -> None:
    archive = b"".join(write_archive([member_of("a", b"x" * 10)]))
    for length in range(0, len(archive), 100):
        with pytest.raises(UnverifiedError):
            [b"".join(member.chunks) for member in read_archive([archive[:length]])]
    with pytest.raises(UnverifiedError):
        list(read_archive([archive + bytes(512)]))


@pytest.mark.parametrize(
    ("name", "size"), [("", 1), ("ä", 1), ("x" * 101, 1), ("x", -1), ("x", 8**11), ("\0", 1)]
)
def test_what_does_not_fit_an_archive_is_refused(name: str, size: int) -> None:
    with pytest.raises(InvalidError):
        member_header(name, size)


def test_a_file_of_another_size_than_told_is_refused() -> None:
    for chunks in ((b"abc",), (b"a", b"bcde")):
        with pytest.raises(InvalidError, match="not 4"):
            list(write_archive([ArchiveMember("a", 4, chunks)]))


def test_names_in_the_archive_are_those_of_the_page() -> None:
    stream, epoch = b"\xab" * 16, b"\xcd" * 16
    assert envelope_name(stream, epoch, 7) == f"envelopes/{'ab' * 16}/{'cd' * 16}/00000007.envelope"
    assert video_name("Süd-Tor / 2", stream, 1, "full") == "video/Sud-Tor-2-abababab-1.mp4"
    assert video_name("東口", stream, 2, "full") == "video/camera-abababab-2.mp4"
    assert len(video_name("x" * 500, stream, 1, "full")) < 100
    lower = video_name("Market", stream, 1, "lower")
    assert lower == "video/Market-abababab-1-lower-assurance.mp4"
    assert "/" not in video_name("../../etc", stream, 1, "full").removeprefix("video/")


def _first(size: int) -> PackagedCheckpoint:
    note = sign_checkpoint(Checkpoint("town.example/log", size, b"r" * 32), SigningKey(b"l" * 32))
    return PackagedCheckpoint(size, note.encode(), (b"c" * 32,) * 3)


def list_of(case) -> PackageList:
    epoch = case.footage.epochs[0]
    share_set = case.footage.share_sets[epoch]
    stream = share_set.header.stream
    return PackageList(
        network=case.file.network,
        request=case.file,
        camera_names={stream: "North gate"},
        entries=(PackagedEntry(0, b"{}", ()), PackagedEntry(5, b"{ }", (b"h" * 32,))),
        envelopes=tuple(
            PackagedEnvelope(stream, epoch, sequence, 5, sequence, 9, (b"p" * 32,) * 4)
            for sequence in range(2)
        ),
        first_checkpoints=(_first(7), _first(9)),
        keys=(PackagedKeys(epoch, share_set.commitments, ((1, case.footage.keys[epoch][1]),)),),
        openings={1: Opening("Fits.", b"s" * 32, case.file.whole), 3: Opening("No.", b"t" * 32, Scope())},
        videos=(PackagedVideo("video/x-1.mp4", stream, b"v" * 32, ((epoch, 0), (epoch, 1))),),
    )


def test_a_list_has_one_spelling(case) -> None:
    listing = list_of(case)
    assert parse_package_list(listing.encode()) == listing
    with pytest.raises(InvalidError):
        parse_package_list(listing.encode() + b"\n")
    value = parse_canon(listing.encode())
    for changes in (
        {"camera_names": []},
        {"entries": value["entries"][::-1]},
        {"envelopes": value["envelopes"][::-1]},
        {"openings": value["openings"][::-1]},
        {"videos": value["videos"] * 2},
        {"keys": [{**value["keys"][0], "commitments": "AAAA"}]},
        {"videos": [{**value["videos"][0], "sequences": [["AAAA"]]}]},
        {"first_checkpoints": value["first_checkpoints"][::-1]},
        {"first_checkpoints": value["first_checkpoints"] * 2},
        {"first_checkpoints": [{**value["first_checkpoints"][0], "note": "AAAA"}]},
        {"first_checkpoints": [{**value["first_checkpoints"][0], "consistency": ["AAAA"]}]},
        {"format": "custodes/package-list/v2"},
    ):
        with pytest.raises(InvalidError):
            parse_package_list(canon({**value, **changes}))


def archive_bytes(case) -> bytes:
    listing = list_of(case)
    video = member_of("video/x-1.mp4", b"mp4" * 999)
    return b"".join(archive_of(listing, b"checkpoint\n", envelopes_of, [video]))


def envelopes_of(wanted: Iterable[PackagedEnvelope]) -> list[bytes]:
    return [b"envelope %d" % one.sequence for one in wanted]


def test_the_archive_stands_in_its_one_order(case) -> None:
    data = archive_bytes(case)
    assert data == archive_bytes(case)
    names = [member.name for member in read_archive([data])]
    epoch = case.footage.epochs[0].hex()
    folder = f"envelopes/{'41' * 16}/{epoch}"
    assert names == [
        "package.json",
        "checkpoint",
        f"{folder}/00000000.envelope",
        f"{folder}/00000001.envelope",
        "video/x-1.mp4",
    ]


def test_videos_are_those_of_the_list(case) -> None:
    listing = list_of(case)
    for videos in ([], [member_of("video/y.mp4", b"")], [member_of("video/x-1.mp4", b"")] * 2):
        with pytest.raises(InvalidError, match="video"):
            list(archive_of(listing, b"", envelopes_of, videos))


def sealed_of(case, archive: bytes, piece: int = 70_000) -> bytes:
    public = PublicSealingKey(case.recipient.public)
    return b"".join(seal_package(public, case.file.network, case.file.hash, pieces_of(archive, piece)))


@pytest.mark.parametrize("length", [0, 1, 1 << 20, (1 << 20) + 1, 3 << 20])
def test_a_package_opens_to_the_archive(case, length: int) -> None:
    archive = bytes(length)
    sealed = sealed_of(case, archive)
    head, chunks = open_package(pieces_of(sealed, 99_999), case.recipient)
    assert (head.network, head.request, head.key) == (
        case.file.network,
        case.file.hash,
        case.recipient.id,
    )
    assert b"".join(chunks) == archive
    clear = 7 + 4 + len(head.encode())
    assert len(sealed) == clear + 1168 + length + 16 * max(1, -(-length // (1 << 20)))


@settings(max_examples=100)
@given(st.data())
def test_a_package_altered_or_cut_anywhere_is_refused(case, data: st.DataObject) -> None:
    sealed = bytearray(sealed_of(case, b"archive" * 100))
    position = data.draw(st.integers(0, len(sealed) - 1))
    if data.draw(st.booleans()):
        sealed[position] ^= 1 << data.draw(st.integers(0, 7))
    else:
        del sealed[position:]
    with pytest.raises(UnverifiedError):
        head, chunks = open_package([bytes(sealed)], case.recipient)
        list(chunks)
        head.check_list(list_of(case))


def test_a_package_s_head_is_that_of_its_list(case) -> None:
    head, _ = open_package([sealed_of(case, b"")], case.recipient)
    head.check_list(list_of(case))
    for wrong in (replace(head, network=bytes(32)), replace(head, request=bytes(32))):
        with pytest.raises(UnverifiedError):
            wrong.check_list(list_of(case))


def test_a_package_cut_between_chunks_or_too_long_is_refused(case) -> None:
    sealed = sealed_of(case, bytes(3 << 20))
    chunk = (1 << 20) + 16
    for wrong in (sealed[:-chunk], sealed + sealed[-chunk:], sealed + b"x"):
        with pytest.raises(UnverifiedError):
            list(open_package([wrong], case.recipient)[1])


def test_a_package_is_for_its_recipient(case) -> None:
    with pytest.raises(UnverifiedError, match="sealed to key"):
        open_package([sealed_of(case, b"x")], case.custodians[1])
    with pytest.raises(UnverifiedError, match="not a package"):
        open_package([b"CPKG/2\n" + bytes(100)], case.recipient)


def test_an_opening_in_the_list_reads_back(case) -> None:
    listing = list_of(case)
    assert parse_package_list(replace(listing, openings={}).encode()).openings == {}
