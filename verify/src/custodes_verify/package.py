"""An unpacked evidence package: opened, and compared with the ledger's commitments byte for byte.

Source: docs/formats/package.md.
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass, field
from pathlib import Path

from custodes_verify.bytes import canon, digest, parse, sha256, u16
from custodes_verify.envelopes import REEL_LIMIT, Envelope
from custodes_verify.errors import DamagedError, MalformedError, UnreadableError
from custodes_verify.evidence import Evidence, EvidenceReader, Slot, check_case
from custodes_verify.ledger import Ledger
from custodes_verify.merkle import root_by_path, root_of
from custodes_verify.mp4 import read_track
from custodes_verify.note import NOTE_LIMIT, Checkpoint, is_signed, read_checkpoint
from custodes_verify.options import Options
from custodes_verify.packagelist import LIST_LIMIT, PACKAGE_LIST
from custodes_verify.records import Segment, check_cut, only_envelope, read_segment
from custodes_verify.report import LOWER_ASSURANCE, Report
from custodes_verify.schema import Body
from custodes_verify.sealing_time import check_sealing_time
from custodes_verify.source import FolderSource
from custodes_verify.timeline import Timed, file_times
from custodes_verify.witnesses import judge, vouchers

_LOWER_NAME = "-lower-assurance.mp4"


@dataclass
class Contents:
    """What was opened: segments and envelope hashes by (epoch, sequence)."""

    segments: dict[tuple[bytes, int], Segment] = field(default_factory=dict)
    hashes: dict[tuple[bytes, int], bytes] = field(default_factory=dict)
    slots: set[Slot] = field(default_factory=set)


def check_package(folder: Path, options: Options, ledger: Ledger | None, report: Report) -> None:
    """Check a package, against a ledger where one was read.

    Errors: UnreadableError.
    """
    source = FolderSource(folder)
    try:
        list_bytes = _need(source, "package.json", LIST_LIMIT)
        checkpoint = read_checkpoint(_need(source, "checkpoint", NOTE_LIMIT))
        raw = parse(list_bytes)
        package = PACKAGE_LIST(raw)
    except MalformedError as error:
        report.find("package", "package.json, checkpoint", str(error))
        return
    q = digest("custodes/request/v1", canon(raw["request"]))
    evidence = EvidenceReader(checkpoint, q, report).read(package["entries"])
    if not _check_network(options, ledger, evidence, package, report):
        return
    if _check_checkpoint(checkpoint, options, evidence, report):
        check_sealing_time(checkpoint, evidence, package, report)
    if ledger is not None:
        _check_against(ledger, checkpoint, q, report)
    granted = check_case(evidence, raw, package, report)
    keys = _check_keys(evidence, package, granted, report)
    contents = _open_envelopes(source, evidence, package, keys, granted, report)
    _check_videos(folder, evidence, package, contents, report)
    _sum_up(evidence, package, granted, contents, report)


def _need(source: FolderSource, name: str, limit: int) -> bytes:
    data = source.read(name, limit)
    if data is None:
        raise UnreadableError(f"the package has no {name}")
    return data


def _check_network(
    options: Options, ledger: Ledger | None, evidence: Evidence, package: Body, report: Report
) -> bool:
    network = evidence.state.network
    expected = {one for one in (options.network, ledger.state.network if ledger else None) if one}
    expected |= {package["network"], package["request"]["network"]}
    if not network:
        report.find("network-id", "package", "it has no good genesis")
    elif expected != {network}:
        report.find("network-id", "package", f"it is of network {network.hex()}")
    elif package["request"]["roster"] not in evidence.rosters:
        report.find("request", "package, request", "it names a roster that the package does not have")
    else:
        return True
    return False


def _check_checkpoint(checkpoint: Checkpoint, options: Options, evidence: Evidence, report: Report) -> bool:
    log = evidence.state.genesis["log"]
    where = f"package, checkpoint {checkpoint.size}"
    if checkpoint.origin != log["origin"] or not is_signed(checkpoint, log["origin"], log["key"]):
        report.find("checkpoint", where, "the log's signature is missing or false")
        return False
    roster = evidence.state.in_force()
    judge(report, checkpoint, roster, vouchers(checkpoint, log["origin"], roster), options.policy)
    return True


def _check_against(ledger: Ledger, checkpoint: Checkpoint, q: bytes, report: Report) -> None:
    where = f"package, checkpoint {checkpoint.size}"
    if checkpoint.size > ledger.tree.size:
        report.skip(f"the package against this ledger: its checkpoint of {checkpoint.size} is newer")
    elif ledger.tree.root(checkpoint.size) != checkpoint.root:
        report.find("fork", where, "the ledger given has another tree")
    else:
        report.prove(f"the package's checkpoint of {checkpoint.size} is a prefix of the ledger given")
    request = ledger.state.requests.get(q)
    if request is not None and not request.disclosed:
        report.find("disclosure-missing", f"request {q.hex()}", "the ledger given has no disclosure of it")


def _check_keys(
    evidence: Evidence, package: Body, granted: dict[Slot, int], report: Report
) -> dict[Slot, bytes]:
    """Slot keys that are what the epoch's header committed to, and were granted."""
    keys: dict[Slot, bytes] = {}
    for row in package["keys"]:
        where = f"package, keys of epoch {row['epoch'].hex()}"
        entry = evidence.epochs.get(row["epoch"])
        if entry is None:
            report.find("slot-key", where, "the ledger's entry of the epoch is not in the package")
            continue
        header = entry.body["header"]
        commitments = row["commitments"]
        if len(commitments) != header["slots"] or root_of(commitments) != header["slot_root"]:
            report.find("slot-key", where, "commitments are not those of the header")
            continue
        for slot in row["slots"]:
            pair = (row["epoch"], slot["slot"])
            stated = commitments[slot["slot"]] if slot["slot"] < len(commitments) else b""
            if digest("slot", row["epoch"], u16(slot["slot"]), slot["key"]) != stated:
                report.find("slot-key", f"{where}, slot {slot['slot']}", "is not the key committed to")
            elif pair not in granted:
                report.find("grant", f"{where}, slot {slot['slot']}", "was not granted by enough custodians")
            else:
                keys[pair] = slot["key"]
    return keys


def _open_envelopes(
    source: FolderSource,
    evidence: Evidence,
    package: Body,
    keys: dict[Slot, bytes],
    granted: dict[Slot, int],
    report: Report,
) -> Contents:
    contents = Contents()
    for row in package["envelopes"]:
        pair = (row["epoch"], row["sequence"])
        name = f"envelopes/{row['stream'].hex()}/{row['epoch'].hex()}/{row['sequence']:08d}.envelope"
        try:
            data = _need(source, name, REEL_LIMIT)
            envelope = _accounted(evidence, row, data)
            slot = (row["epoch"], envelope.header["slot"])
            if slot not in granted:
                raise MalformedError(f"is of slot {slot[1]}, which was not granted")
            if slot not in keys:
                raise MalformedError(f"is of slot {slot[1]}, whose key is not in the package")
            segment = read_segment(envelope, keys[slot])
        except DamagedError as error:
            report.find(error.kind, name, str(error))
            continue
        except (MalformedError, UnreadableError) as error:
            report.find("envelope", name, str(error))
            continue
        before = contents.hashes.get((row["epoch"], row["sequence"] - 1))
        if before is not None and envelope.header["previous"] != before:
            report.find("swapped", name, "does not follow the envelope before it")
        contents.segments[pair], contents.hashes[pair] = segment, envelope.hash()
        contents.slots.add(slot)
    return contents


def _accounted(evidence: Evidence, row: Body, data: bytes) -> Envelope:
    """The one envelope in `data`, if the ledger accounts for it.

    Errors: MalformedError.
    """
    envelope = only_envelope(data)
    entry = evidence.epochs.get(row["epoch"])
    statement = evidence.statements.get(row["account"])
    if entry is None or statement is None:
        raise MalformedError("the epoch or account that it rests on is not in the package")
    header, epoch_header = envelope.header, entry.body["header"]
    home = (header["network"], header["stream"], header["epoch"], header["sequence"])
    if home != (evidence.state.network, epoch_header["stream"], row["epoch"], row["sequence"]):
        raise MalformedError("is sealed for another place")
    if row["stream"] != epoch_header["stream"] or statement.body["recorder"] != epoch_header["recorder"]:
        raise MalformedError("stream or recorder is not the epoch's")
    if row["sequence"] == 0 and header["previous"] != entry.header_hash:
        raise MalformedError("does not begin its epoch")
    leaf = row["stream"] + row["epoch"] + row["sequence"].to_bytes(8, "big") + envelope.hash()
    if row["leaves"] != statement.body["envelopes"]:
        raise MalformedError("states another number of envelopes than its account")
    if root_by_path(leaf, row["leaf"], row["leaves"], row["path"]) != statement.body["root"]:
        raise MalformedError("is not the envelope that was accounted for")
    cut = evidence.cuts.get((row["epoch"], row["sequence"]))
    if cut is not None:
        check_cut(envelope, *cut)
    elif not envelope.whole:
        raise DamagedError("cut", "ends early and no statement in the package says so")
    return envelope


def _check_videos(
    folder: Path, evidence: Evidence, package: Body, contents: Contents, report: Report
) -> None:
    shown: set[tuple[bytes, int]] = set()
    good = 0
    for video in package["videos"]:
        name = video["name"]
        shown.update(video["sequences"])
        try:
            _check_video(folder / name, evidence, video, contents)
        except MalformedError as error:
            report.find("video", name, str(error))
            continue
        good += 1
    if good:
        report.prove(
            f"{good} videos are the sealed access units byte for byte, at the times sealed with them"
        )
    left = contents.segments.keys() - shown
    if left:
        report.find("video", "package", f"{len(left)} opened segments are in no video")


def _check_video(path: Path, evidence: Evidence, video: Body, contents: Contents) -> None:
    timed: list[Timed] = []
    first: Segment | None = None
    for epoch, sequence in video["sequences"]:
        segment = contents.segments.get((epoch, sequence))
        if segment is None:
            raise MalformedError(f"shows sequence {sequence}, which was not opened")
        header = evidence.epochs[epoch].body["header"]
        if header["stream"] != video["stream"]:
            raise MalformedError("shows another stream than it says")
        if video["name"].endswith(_LOWER_NAME) != (header["assurance"] == "lower"):
            raise MalformedError(f"its name does not say that its assurance is {header['assurance']}")
        first = first or segment
        timed += [(header["utc0_us"] + unit.elapsed_us, unit) for unit in segment.units]
    try:
        if path.is_symlink() or not path.is_file():
            raise MalformedError("is not there")
        with path.open("rb") as file:
            data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except (OSError, ValueError) as error:
        raise MalformedError("cannot be read") from error
    _compare(data, video["sha256"], timed, first)


def _compare(data: memoryview, stated: bytes, timed: list[Timed], first: Segment | None) -> None:
    if sha256(data) != stated:
        raise MalformedError("is not the file whose hash the list has")
    track = read_track(data)
    if len(track.samples) != len(timed):
        raise MalformedError(f"has {len(track.samples)} samples where {len(timed)} access units were sealed")
    for number, ((at, size), (_, unit)) in enumerate(zip(track.samples, timed, strict=True)):
        if data[at : at + size] != unit.payload:
            raise MalformedError(f"sample {number} is not the access unit that was sealed")
    if first is not None and track.parameter_sets != first.parameter_sets:
        raise MalformedError("its parameter sets are not those of its first segment")
    if (track.decoded_90k, track.shown_90k) != file_times(timed):
        raise MalformedError("its times are not those that the sealed time stamps give")


def _sum_up(
    evidence: Evidence, package: Body, granted: dict[Slot, int], contents: Contents, report: Report
) -> None:
    count = len(contents.segments)
    report.prove(f"{count} of {len(package['envelopes'])} envelopes are unchanged since the seal and open")
    report.prove(f"{len(granted)} slots were granted, {len(contents.slots)} of them have footage")
    report.claim("the recorder", "the time at which each picture arrived")
    headers = {epoch: evidence.epochs[epoch].body["header"] for epoch, _ in contents.segments}
    lower = {header["stream"] for header in headers.values() if header["assurance"] == "lower"}
    for stream in sorted(lower):
        name = package["camera_names"].get(stream, stream.hex())
        report.claim("the recorder", f"LOWER ASSURANCE of {name} ({stream.hex()[:8]}): {LOWER_ASSURANCE}")
    report.skip("that this folder is the sealed package of the disclosure: its hash is over the sealed file")
    report.skip("whether the camera showed the truth: the package proves unchanged since the seal")
    report.skip("signatures of staff who came after genesis on the request, in the package alone")
