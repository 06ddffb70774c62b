"""A package's entries: included, signed, and what they say of request, decisions and recorders.

Source: docs/formats/package.md, open.md, entries.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from custodes_verify.bytes import canon, digest
from custodes_verify.documents import Roster, key_ids
from custodes_verify.entries import Entry, read_leaf
from custodes_verify.errors import MalformedError, RuleError
from custodes_verify.merkle import root_by_path
from custodes_verify.note import Checkpoint
from custodes_verify.packagelist import slots_of
from custodes_verify.report import Report
from custodes_verify.rules.opening import decisions_hash
from custodes_verify.rules.replay import RULES
from custodes_verify.rules.state import State
from custodes_verify.schema import Body

Slot = tuple[bytes, int]
"""An epoch and a slot of it."""


@dataclass
class Evidence:
    """What a package's entries hold, each checked for inclusion and its author's signature."""

    state: State = field(default_factory=lambda: State(lambda _: b""))
    rosters: set[bytes] = field(default_factory=set)
    epochs: dict[bytes, Entry] = field(default_factory=dict)
    statements: dict[int, Entry] = field(default_factory=dict)
    cuts: dict[Slot, tuple[int, bytes]] = field(default_factory=dict)
    request: Entry | None = None
    decisions: dict[int, Entry] = field(default_factory=dict)
    releases: list[Entry] = field(default_factory=list)


class EvidenceReader:
    """Reads a package's entries in the order of the ledger."""

    def __init__(self, checkpoint: Checkpoint, q: bytes, report: Report) -> None:
        self._checkpoint, self._q, self._report = checkpoint, q, report
        self.evidence = Evidence()

    def read(self, rows: list[Body]) -> Evidence:
        """Read all; what does not hold is a finding and does not count."""
        for row in rows:
            where = f"package, entry {row['index']}"
            size, root = self._checkpoint.size, self._checkpoint.root
            if root_by_path(row["entry"], row["index"], size, row["path"]) != root:
                self._report.find("inclusion", where, "its path does not lead to the checkpoint")
                continue
            try:
                self._take(row["index"], read_leaf(row["entry"], self.evidence.state.keys))
            except RuleError as error:
                self._report.find(error.rule, where, error.what)
            except MalformedError as error:
                self._report.find("members", where, str(error))
        return self.evidence

    def _take(self, index: int, entry: Entry) -> None:
        evidence, state = self.evidence, self.evidence.state
        state.counts["entries"] = index
        if (entry.name == "genesis") != (index == 0):
            raise RuleError("genesis-first", f"entry {index} is {entry.name}")
        if entry.name in ("genesis", "roster", "recorder"):
            RULES[entry.name](state, entry)
            evidence.rosters.add(state.in_force().hash)
        elif entry.body["network"] != state.network:
            raise RuleError("network", "the entry is another network's")
        elif entry.name == "epoch":
            self._require_recorder(entry, entry.body["header"]["recorder"])
            evidence.epochs[entry.body["header"]["epoch"]] = entry
        elif entry.name in ("account", "restart"):
            self._require_recorder(entry, entry.body["recorder"])
            evidence.statements[index] = entry
            for cut in entry.body["cuts"]:
                evidence.cuts[cut["epoch"], cut["sequence"]] = (cut["chunks"], cut["hash"])
        elif entry.body.get("request") == self._q:
            self._take_case(entry)

    def _require_recorder(self, entry: Entry, recorder: bytes) -> None:
        known = self.evidence.state.recorders.get(recorder)
        if known is None:
            raise RuleError("signature", "the recorder is unknown")
        self.evidence.state.require(entry, known.key)

    def _take_case(self, entry: Entry) -> None:
        evidence, state = self.evidence, self.evidence.state
        if entry.name == "request":
            # Staff that came after genesis is not in a package; the discloser and the hash are enough here.
            if not key_ids({state.in_force().discloser}) <= set(entry.verified) or entry.bad:
                raise RuleError("signature", "the discloser has not signed the request")
            evidence.request = entry
        elif entry.name in ("decision", "release"):
            index = entry.body["custodian"]
            state.require(entry, state.custodian(index).identity)
            if entry.name == "release":
                evidence.releases.append(entry)
            elif index in evidence.decisions:
                raise RuleError("decision-once", f"custodian {index} had decided")
            else:
                evidence.decisions[index] = entry


def check_case(evidence: Evidence, raw: Body, package: Body, report: Report) -> dict[Slot, int]:
    """Check request, decisions and releases; how many granted each slot that enough of them granted."""
    file, request = package["request"], evidence.request
    asked = slots_of(file["scope"]) | slots_of(file["run_in"])
    where = "package, request"
    if slots_of(file["scope"]) & slots_of(file["run_in"]):
        report.find("request", where, "scope and run-in have a slot in common")
    if request is None:
        report.find("request", where, "the ledger's request of this hash is not in the package")
        return {}
    raw_file = raw["request"]
    commitment = digest(
        "custodes/scope/v1", file["salt"], canon(raw_file["scope"]), canon(raw_file["run_in"])
    )
    stated = {name: request.body[name] for name in ("commitment", "count", "decisions_needed", "kind")}
    shown = {name: file[name] for name in ("decisions_needed", "kind")}
    if stated != shown | {"commitment": commitment, "count": len(asked)}:
        report.find("request", where, "scope, count, kind or decisions needed are not those of the ledger")
        return {}
    if request.body["expiry_us"] != file["expiry_us"]:
        report.find("request", where, "its expiry is not that of the ledger")
    granted = _count_grants(evidence, raw, package, asked, report)
    roster = evidence.state.in_force()
    _check_releases(evidence, file["decisions_needed"], roster, report)
    return {slot: count for slot, count in granted.items() if count >= file["decisions_needed"]}


def _count_grants(
    evidence: Evidence, raw: Body, package: Body, asked: set[Slot], report: Report
) -> dict[Slot, int]:
    counts: dict[Slot, int] = {}
    opened: set[int] = set()
    for opening, raw_opening in zip(package["openings"], raw["openings"], strict=True):
        index = opening["custodian"]
        where = f"package, decision of custodian {index}"
        decision = evidence.decisions.get(index)
        slots = slots_of(opening["scope"])
        if decision is None or index in opened:
            report.find("opening", where, "opens no decision, or one for the second time")
            continue
        opened.add(index)
        commitment = digest("custodes/grant/v1", opening["salt"], canon(raw_opening["scope"]))
        if commitment != decision.body["commitment"] or len(slots) != decision.body["count"]:
            report.find("opening", where, "is not what the custodian committed to; it counts as no grant")
            continue
        if not slots <= asked or (decision.body["verdict"] == "grant") != (slots == asked):
            report.find("opening", where, "is not within what was asked, or not what its verdict says")
            continue
        for slot in slots:
            counts[slot] = counts.get(slot, 0) + 1
    return counts


def _check_releases(evidence: Evidence, needed: int, roster: Roster, report: Report) -> None:
    grants = [one for one in evidence.decisions.values() if one.body["verdict"] != "refuse"]
    sufficient = {
        decisions_hash([one.statement for one in grants[:count]])
        for count in range(needed, len(grants) + 1)
        if sum(one.body["client"] == "installed" for one in grants[:count]) >= roster.installed_clients
    }
    good = {one.body["custodian"] for one in evidence.releases if one.body["decisions"] in sufficient}
    if len(good) < roster.quorum:
        what = f"{len(good)} releases rest on enough granting decisions, {roster.quorum} are needed"
        report.find("release-decisions", "package, releases", what)
