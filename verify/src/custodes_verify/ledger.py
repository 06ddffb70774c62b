"""The ledger from outside: entries, tree, checkpoint, rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from custodes_verify.bundles import Bundle, Refused, read_bundles, read_partial
from custodes_verify.documents import is_rehearsal
from custodes_verify.entries import Entry
from custodes_verify.errors import MalformedError, RuleError, UnreadableError
from custodes_verify.merkle import BUNDLE, HASH, Tree
from custodes_verify.note import NOTE_LIMIT, Checkpoint, is_signed, read_checkpoint
from custodes_verify.options import Options
from custodes_verify.report import Report
from custodes_verify.rules.replay import replay
from custodes_verify.rules.state import State
from custodes_verify.seen import Seen, read_seen, write_seen
from custodes_verify.source import Place
from custodes_verify.witnesses import Vouchers, judge, judge_age, vouchers

Observer = Callable[[int, Entry], None]
"""Called for each entry that is admitted."""


@dataclass(frozen=True)
class Ledger:
    """A ledger that was read to the end; `as_of_us` is the newest time that it gives itself."""

    tree: Tree
    state: State
    checkpoint: Checkpoint
    vouchers: Vouchers
    as_of_us: int


class _Reading:
    """Entries going into tree and state, with findings as they come."""

    def __init__(self, place: Place, report: Report, options: Options, observe: list[Observer]) -> None:
        self.tree = Tree()
        self.state = State(self.tree.root)
        self._place = place
        self._report = report
        self._options = options
        self._observe = observe

    def read(self, size: int, published: int) -> bool:
        """Read `size` entries; False where that is not possible or of no use."""
        for bundle in read_bundles(self._place, size, published, lambda: self.state.keys):
            number = self.tree.size // BUNDLE
            if bundle is None:
                self._report.find(
                    "bundle", f"entries {number * BUNDLE}…", "the entry bundle is not published"
                )
                return False
            first = self.tree.size
            self.tree.extend(bundle.rows)
            self._compare_tile(0, number, len(bundle.entries))
            if not self._replay(first, bundle):
                return False
            if bundle.fault:
                self._report.find("bundle", f"bundle {number}", bundle.fault)
                return False
        return True

    def _replay(self, first: int, bundle: Bundle) -> bool:
        state = self.state
        for index, entry in enumerate(bundle.entries, first):
            state.counts["entries"] = index
            self._replay_one(index, entry)
            if index == 0 and not state.network:
                return False
        state.counts["entries"] = self.tree.size
        return True

    def _replay_one(self, index: int, entry: Entry | Refused) -> None:
        if isinstance(entry, Refused):
            self._report.find(entry.rule, f"entry {index}", entry.what)
            return
        pinned = self._options.network
        if index == 0 and pinned is not None and entry.name == "genesis" and entry.statement != pinned:
            self._report.find("network-id", "entry 0", f"this is network {entry.statement.hex()}")
            return
        try:
            replay(self.state, entry)
        except RuleError as error:
            self._report.find(error.rule, f"entry {index}", error.what)
            return
        for observer in self._observe:
            observer(index, entry)

    def _compare_tile(self, level: int, number: int, width: int) -> None:
        expected = self.tree.tile(level, number, width)
        where = f"tile {level}/{number}"
        try:
            data = read_partial(self._place, level, number, (width, BUNDLE), BUNDLE * HASH)
        except MalformedError as error:
            self._report.find("tile", where, str(error))
            return
        if data is None:
            self._report.find("tile", where, "the hash tile is not published")
        elif data[: len(expected)] != expected or len(data) not in (width * HASH, BUNDLE * HASH):
            self._report.find(
                "tile", where, f"does not fit the entries, first at {_difference(data, expected)}"
            )

    def compare_upper_tiles(self, size: int) -> None:
        """Compare the hash tiles above the lowest with the tree."""
        level, count = 1, size // BUNDLE
        while count:
            for number in range((count + BUNDLE - 1) // BUNDLE):
                self._compare_tile(level, number, min(BUNDLE, count - number * BUNDLE))
            level, count = level + 1, count // BUNDLE


def _difference(data: bytes, expected: bytes) -> str:
    for at in range(0, len(expected), HASH):
        if data[at : at + HASH] != expected[at : at + HASH]:
            return f"hash {at // HASH}"
    return "its length"


def check_ledger(
    place: Place, options: Options, report: Report, observe: list[Observer] | None = None
) -> Ledger | None:
    """Read and judge a ledger; None where no conclusion beyond the findings is possible.

    Errors: UnreadableError.
    Cost: 64 bytes of memory an entry for the tree, and what the rules look back at.
    """
    try:
        newest = _newest(place)
    except MalformedError as error:
        report.find("checkpoint", "log/checkpoint", str(error))
        return None
    size = newest.size if options.at_size is None else options.at_size
    if size > newest.size:
        raise UnreadableError(f"the ledger has {newest.size} entries, not {size}")
    reading = _Reading(place, report, options, observe or [])
    try:
        whole = reading.read(size, newest.size)
    except MalformedError as error:
        report.find("bundle", "entries", str(error))
        whole = False
    _introduce(report, reading.state, options)
    if size == 0:
        report.find("genesis-first", "entry 0", "the ledger is empty")
    if not whole or not reading.state.network:
        _judge_seen(report, options, newest, None)
        return None
    if size == newest.size:
        # At an earlier size an upper tile's hashes may not have been there yet.
        reading.compare_upper_tiles(size)
    return _conclude(place, options, report, reading, newest, size)


def _newest(place: Place) -> Checkpoint:
    data = place.source.read(place.log + "checkpoint", NOTE_LIMIT)
    if data is None:
        raise UnreadableError("log/checkpoint is not there")
    return read_checkpoint(data)


def _introduce(report: Report, state: State, options: Options) -> None:
    report.pinned = options.network is not None
    if not state.network:
        return
    report.network = state.network.hex()
    report.name = state.genesis["name"]
    report.rehearsal = is_rehearsal(state.genesis["periods"])
    if report.pinned:
        report.prove("entry 0 is the genesis whose hash is the network id given")


def _conclude(
    place: Place, options: Options, report: Report, reading: _Reading, newest: Checkpoint, size: int
) -> Ledger:
    checkpoint = newest if size == newest.size else _earlier(place, report, size)
    roster = reading.state.in_force()
    if checkpoint is None:
        raise UnreadableError(
            f"no checkpoint of size {size} is published: nobody signed the ledger as it was"
        )
    agrees = _judge_signed(report, reading, checkpoint)
    found = vouchers(checkpoint, reading.state.genesis["log"]["origin"], roster)
    judge(report, checkpoint, roster, found, options.policy)
    judge_age(report, reading.state.genesis["periods"]["freshness_us"], found, options.now_us)
    agrees = _judge_seen(report, options, checkpoint, reading.tree) and agrees
    if agrees and options.seen is not None and checkpoint is newest:
        write_seen(options.seen, Seen(reading.state.network, checkpoint.size, checkpoint.root))
    if agrees:
        report.prove(f"the {size} entries published are the tree of the signed checkpoint")
    admitted = reading.state.counts.get("admitted", 0)
    report.prove(f"{admitted} of {size} entries were admitted by the rules, signatures included")
    as_of_us = max(reading.state.admitted_us, found.newest_us())
    return Ledger(reading.tree, reading.state, checkpoint, found, as_of_us)


def _earlier(place: Place, report: Report, size: int) -> Checkpoint | None:
    name = f"{place.log}checkpoints/{size:012d}"
    try:
        data = place.source.read(name, NOTE_LIMIT)
        return None if data is None else read_checkpoint(data)
    except MalformedError as error:
        report.find("checkpoint", name, str(error))
        return None


def _judge_signed(report: Report, reading: _Reading, checkpoint: Checkpoint) -> bool:
    log = reading.state.genesis["log"]
    where = f"checkpoint {checkpoint.size}"
    before = report.count("checkpoint") + report.count("root")
    if checkpoint.origin != log["origin"]:
        report.find("checkpoint", where, "its origin is not the log that genesis names")
    elif not is_signed(checkpoint, log["origin"], log["key"]):
        report.find("checkpoint", where, "the log's signature is missing or false")
    if reading.tree.size != checkpoint.size or reading.tree.root(checkpoint.size) != checkpoint.root:
        report.find("root", where, "the published entries do not have the root that was signed")
    return before == report.count("checkpoint") + report.count("root")


def _judge_seen(report: Report, options: Options, checkpoint: Checkpoint, tree: Tree | None) -> bool:
    """Compare with what this reader saw before; True where nothing speaks against remembering the new one."""
    seen = read_seen(options.seen) if options.seen else None
    if seen is None:
        return True
    where = f"checkpoint {checkpoint.size}"
    if options.network is not None and seen.network != options.network:
        raise UnreadableError("the file of --seen is another network's")
    if options.at_size is not None:
        return False
    if checkpoint.size < seen.size:
        report.find("rollback", where, f"a ledger of {seen.size} entries was seen before")
        return False
    if tree is None or tree.size < seen.size:
        return False
    if tree.root(seen.size) != seen.root:
        report.find("fork", where, f"at size {seen.size} another root was seen before")
        return False
    report.prove(f"this ledger continues the one of {seen.size} entries seen before")
    return True


def read_checkpoints(place: Place, ledger: Ledger, report: Report) -> None:
    """Check the earlier checkpoints that were kept because somebody cosigned them."""
    names = place.source.listing(place.log + "checkpoints")
    if names is None:
        report.skip("earlier cosigned checkpoints: a web server does not list them")
        return
    log = ledger.state.genesis["log"]
    good = 0
    for name in names:
        if not (name.isascii() and name.isdigit() and len(name) == 12):
            continue
        checkpoint = _earlier(place, report, int(name))
        if checkpoint is None:
            continue
        fits = checkpoint.size == int(name) and checkpoint.size <= ledger.tree.size
        if not is_signed(checkpoint, log["origin"], log["key"]):
            report.find("checkpoint", f"checkpoint {name}", "the log's signature is missing or false")
        elif not fits or ledger.tree.root(checkpoint.size) != checkpoint.root:
            report.find("fork", f"checkpoint {name}", "the log signed another tree than the one published")
        else:
            good += 1
    if good:
        report.prove(f"{good} earlier checkpoints that others cosigned are prefixes of this ledger")
