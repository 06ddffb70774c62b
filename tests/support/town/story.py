"""One small ledger from genesis to disclosure, with what is refused on the way: the source of vectors/ledger.json."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from custodes.base.canon import b64u
from custodes.base.clock import DAY_US, HOUR_US, MINUTE_US, SECOND_US
from custodes.base.errors import CustodesError
from custodes.base.keys import Signed, sign_together
from custodes.ledger.checkpoint import Checkpoint, cosign, custodian_name, keeper_name, sign_checkpoint
from custodes.ledger.entries.wrapper import Entry, Statement
from custodes.ledger.rules.refusal import rule_of
from custodes.ledger.rules.state import LedgerState
from town.ledger import START_US, Town
from town.people import make_id, sealing_key, signing_key


@dataclass(frozen=True)
class Refused:
    """An entry that a ledger of `at` entries does not take, and the rule."""

    at: int
    rule: str
    entry: bytes


class Story:
    """Tells it once; `town` and `refused` are the outcome."""

    def __init__(self) -> None:
        self.town = Town(witnesses=1)
        self.refused: list[Refused] = []
        self._begin()
        self._sign_together()
        self._found()
        self._record()
        self._ask()
        self._hold()
        self._open()
        self._forget()

    def checkpoint(self) -> bytes:
        """The last one, cosigned by keeper, witness and first custodian."""
        town = self.town
        point = Checkpoint(town.origin, town.state.size, town.state.tree.root())
        note = sign_checkpoint(point, town.log)
        seconds = town.now_us // SECOND_US
        for name, key in (
            (keeper_name(town.origin), town.keeper.signing),
            *town.witnesses.items(),
            (custodian_name(town.origin, 1), town.custodians[0].identity),
        ):
            note = note.with_signature(cosign(point, name, key, seconds))
        return note.encode()

    def refuse(self, rule: str, name: str, /, **changes: Any) -> None:
        """What `make` would admit but for these changes."""
        self.refuse_signed(rule, self.town.make(name, **changes))

    def refuse_signed(
        self, rule: str, signed: Signed, admitted_us: int | None = None, late: bool = False
    ) -> None:
        town = self.town
        when_us = town.now_us if admitted_us is None else admitted_us
        entry = Entry(Statement.of(signed), when_us, late).encode()
        # A copy, for a replay that ends with a wrong lateness has admitted all else.
        copy = LedgerState()
        for index, earlier in enumerate(town.entries):
            copy.replay(earlier, index, signatures=False)
        try:
            copy.replay(entry, copy.size)
        except CustodesError as error:
            assert rule_of(error) == rule, str(error)
        else:
            raise AssertionError(f"{rule}: {signed.type} was admitted")
        self.refused.append(Refused(town.state.size, rule, entry))

    def refuse_all(self, name: str, cases: Iterable[tuple[str, dict[str, Any]]]) -> None:
        for rule, changes in cases:
            self.refuse(rule, name, **changes)

    def _begin(self) -> None:
        town = self.town
        self.refuse_signed("genesis-first", town.genesis(name="Second"))
        self.refuse_signed("genesis-first", town.genesis(created_us=START_US))
        access = town.make("access")
        self.refuse_signed("type", Signed("custodes/entry/page/v1", access.body, access.signatures))
        self.refuse_signed("admitted-order", access, town.now_us - 1)
        self.refuse_all(
            "access",
            [
                ("members", {"extra": 1}),
                ("members", {"hour_us": ...}),
                ("members", {"hour_us": True}),
                ("network", {"network": b64u(bytes(32))}),
                ("signature", {"signers": [town.operator.signing]}),
            ],
        )
        self.refuse_all(
            "roster",
            [
                ("roster-chain", {"number": 2}),
                ("roster-limits", {"quorum": 3}),
                ("signature", {"signers": [town.custodians[0].identity, town.operator.signing]}),
            ],
        )

    def _sign_together(self) -> None:
        """Two statements of one batch are admitted; whatever is another place than theirs is not."""
        town = self.town
        made = [
            town.make("access", signers=[], hour_us=hour * HOUR_US) for hour in (500_001, 500_002, 500_003)
        ]
        first, _, third = sign_together(made, town.keeper.signing)
        (signature,) = first.signatures
        place = signature.batch
        if place is None:
            raise AssertionError("three statements signed together are a batch")
        for wrong in (
            replace(signature, batch=None),
            replace(signature, batch=replace(place, index=1)),
            replace(signature, batch=replace(place, size=4)),
            replace(signature, batch=replace(place, path=bytes(64))),
            replace(town.make("access").signatures[0], batch=place),
            third.signatures[0],
        ):
            self.refuse_signed("signature", Signed(first.type, first.body, (wrong,)))
        town.admit_signed(third)
        town.admit_signed(first)
        self.refuse_signed("once", sign_together(made[:2], town.keeper.signing)[0])

    def _found(self) -> None:
        town = self.town
        town.admit("recorder")
        self.refuse("recorder-new", "recorder", sealing=b64u(sealing_key("other").public))
        town.admit("staff")
        self.refuse("staff-new", "staff", pseudonym="admin-1")
        self.refuse("signature", "camera", signers=[signing_key("staff/new-1")])
        main = [{"assurance": "full", "kind": "main", "stream": b64u(town.stream)}]
        view = {"angle_cdeg": 100, "bearing_cdeg": 35_999, "name": "gate", "range_m": 10_000}
        sides = {"x0_permille": 0, "x1_permille": 1000, "y0_permille": 999, "y1_permille": 1000}
        zone = {"kind": "original", "name": "door", **sides}
        mount = {"height_cm": 0, "latitude_e7": -900_000_000, "longitude_e7": 1_800_000_000}
        self.refuse_all(
            "camera",
            [
                ("camera-revision", {"revision": 2}),
                ("camera-retention", {"retention_us": 72 * HOUR_US + 1}),
                ("camera-retention", {"retention_us": 366 * DAY_US + 1, "justification": "x"}),
                ("camera-review", {"review_date": "2027-01-15"}),
                ("camera-review", {"review_date": "2032-01-20"}),
                ("camera-streams", {"streams": main * 2}),
                ("members", {"purpose": ""}),
                ("camera-views", {"views": [view, {**view, "range_m": 1}]}),
                ("members", {"views": [{**view, "bearing_cdeg": 36_000}]}),
                ("members", {"views": [{**view, "angle_cdeg": 0}]}),
                ("camera-zones", {"zones": [zone, {**zone, "kind": "view"}]}),
                ("camera-zones", {"zones": [{**zone, "x1_permille": 0}]}),
                ("members", {"zones": [{**zone, "y1_permille": 1001}]}),
                ("members", {"zones": [{**zone, "kind": "audio"}]}),
                ("members", {"mounts": [mount, mount]}),
                ("members", {"mounts": [{**mount, "latitude_e7": 900_000_001}]}),
            ],
        )
        town.admit("camera")
        self.refuse("camera-streams", "camera", streams=main)
        sub = {"kind": "sub", "stream": b64u(town.sub_stream)}
        self.refuse("camera-streams", "camera", streams=[*main, {**sub, "assurance": "lower"}])
        self.refuse("members", "camera", streams=[*main, {**sub, "assurance": "none"}])
        self.refuse("members", "camera", streams=[*main, sub])
        self._commit(main)
        self.refuse_all(
            "key-cert",
            [
                ("key-cert-number", {"number": 2}),
                ("key-cert-dates", {"destroy_after_us": START_US}),
                ("key-cert-genesis", {"key": b64u(sealing_key("other").public)}),
            ],
        )
        for custodian in town.custodians:
            town.admit("key-cert", custodian=custodian.index)
        self.refuse("pool-new", "pool", recorder=b64u(make_id("none")))
        town.admit("pool")

    def _commit(self, main: list[dict[str, str]]) -> None:
        town = self.town
        pair = [town.administrator.key, town.supervisor.key]
        self.refuse_all(
            "background",
            [
                ("members", {"background": ...}),
                ("members", {"background": b64u(bytes(16))}),
                ("members", {"condition": ""}),
                ("members", {"view": "x" * 65}),
                ("members", {"doubt_permille": 1001}),
                ("members", {"revision": 0}),
                ("signature", {"signers": pair[:1]}),
                ("signature", {"signers": [*pair, town.investigator.key]}),
                ("signature", {"signers": [town.administrator.key, town.investigator.key]}),
                ("signature", {"signers": [town.keeper.signing, town.supervisor.key]}),
                ("signature", {"signers": [signing_key("staff/new-1"), town.supervisor.key]}),
                ("background-camera", {"camera": b64u(make_id("none"))}),
                ("background-camera", {"stream": b64u(make_id("none"))}),
                ("background-view", {"view": "home"}),
                ("background-revision", {"revision": 2}),
                ("background-withdraw", {"background": ""}),
            ],
        )
        first = town.make("background")
        town.admit_signed(first)
        self.refuse_signed("once", first)
        self.refuse("background-revision", "background", revision=1, condition="day", doubt_permille=0)
        self.refuse("background-revision", "background", revision=3)
        town.admit("background", condition="night")
        town.admit("background", condition="night", background="")
        self.refuse("background-withdraw", "background", condition="night", background="")
        town.admit("background", condition="night")
        town.admit("background", doubt_permille=0)

    def _record(self) -> None:
        town = self.town
        header = town.header()
        self.refuse_all(
            "epoch",
            [
                ("epoch-roster", {"header": {"roster": b64u(bytes(32))}}),
                ("epoch-header", {"header": {"slots": 61}}),
                ("epoch-header", {"header": {"custodians": header["custodians"][:2]}}),
                ("epoch-camera", {"header": {"stream": b64u(make_id("none"))}}),
                ("epoch-camera", {"header": {"assurance": "lower"}}),
                ("members", {"header": {"assurance": "none"}}),
                ("epoch-deadline", {"header": {"deadline_us": header["deadline_us"] + 1}}),
                (
                    "epoch-keys",
                    {"header": {"utc0_us": START_US - 1, "deadline_us": header["deadline_us"] - 1}},
                ),
                ("epoch-shred", {"header": {"shred": {**header["shred"], "index": 4}}}),
                ("signature", {"header": {"recorder": b64u(make_id("none"))}}),
            ],
        )
        self.refuse_signed("late", town.make("epoch"), late=True)
        town.open_epoch()
        self.refuse("epoch-new", "epoch", header={"epoch": header["epoch"]})
        self.refuse("epoch-shred-again", "epoch", header={"shred": header["shred"]})
        late = town.make("account")
        self.refuse("account-chain", "account", previous=b64u(bytes(32)))
        town.advance(11 * MINUTE_US)
        self.refuse_signed("late", late)
        town.admit_signed(late)
        self.refuse("account-run", "account", run=2)
        self.refuse("restart-run", "restart", previous_run=2)
        town.admit("restart")
        stranger = {"count": 0, "epoch": b64u(make_id("none")), "last": b64u(bytes(32))}
        self.refuse("account-closed", "account", closed=[stranger])
        town.admit("account", closed=[{**stranger, "count": 5, "epoch": header["epoch"]}])

    def _ask(self) -> None:
        town = self.town
        self.refuse_all(
            "request",
            [
                ("request-expiry", {"expiry_us": town.now_us + 30 * DAY_US + 1}),
                ("request-decisions", {"decisions_needed": 1}),
                ("signature", {"signers": [town.discloser.signing, town.supervisor.key]}),
            ],
        )
        town.admit("request", kind="court-order")
        self.refuse("request-new", "request", request=b64u(town.last_request))
        self.refuse("unwrap-purpose", "unwrap", purpose={"hash": b64u(bytes(32)), "kind": "request"})
        for _ in range(3):
            town.admit("unwrap")
        self.refuse("unwrap-thrice", "unwrap")
        root, size = b64u(town.state.tree.root()), town.state.size
        self.refuse_all(
            "decision",
            [
                ("decision-open", {"request": b64u(bytes(32))}),
                ("decision-count", {"verdict": "refuse"}),
                ("decision-checkpoint", {"checkpoint": {"root": root, "size": size - 1}}),
                ("decision-checkpoint", {"checkpoint": {"root": root, "size": size + 1}}),
            ],
        )
        town.admit("decision", custodian=1)
        self.refuse("decision-once", "decision", custodian=1, verdict="part", count=1)
        self.refuse("release-quorum", "release")
        town.admit("decision", custodian=2, verdict="part", count=1, client="page")

    def _hold(self) -> None:
        town = self.town
        self.refuse("shred-erasure", "shred", reason="erasure")
        self.refuse_all(
            "hold",
            [
                ("hold-epochs", {"epochs": [b64u(make_id("none"))]}),
                ("hold-until", {"until_us": town.now_us + 7 * DAY_US + 1}),
                ("hold-request", {"request": b64u(bytes(32))}),
                ("hold-quorum", {"kind": "full", "request": ""}),
            ],
        )
        provisional = town.admit("hold")
        self.refuse("hold-once", "hold")
        self.refuse("hold-new", "hold", hold=b64u(town.last_hold))
        self.refuse("hold-share-known", "hold-share")
        town.admit("hold", kind="full", until_us=town.now_us + 10 * DAY_US)
        self.refuse("hold-request", "hold", kind="full")
        town.admit("hold-share")
        self.refuse("hold-share-known", "hold-share", message=b64u(bytes(32)))
        self.refuse("shred-hold", "shred", reason="erasure")
        purpose = {"hash": b64u(provisional.statement), "kind": "hold"}
        self.refuse("unwrap-purpose", "unwrap", purpose=purpose)

    def _open(self) -> None:
        town = self.town
        self.refuse_all(
            "release",
            [
                ("release-open", {"request": b64u(bytes(32))}),
                ("release-count", {"count": 3}),
                ("release-quorum", {"custodian": 3}),
                ("release-decisions", {"decisions": b64u(bytes(32))}),
            ],
        )
        town.admit("release", custodian=1, count=1)
        self.refuse("release-once", "release", custodian=1)
        self.refuse("disclosure-releases", "disclosure")
        town.admit("release", custodian=2, count=1)
        self.refuse("disclosure-known", "disclosure", request=b64u(bytes(32)))
        self.refuse("disclosure-count", "disclosure", count=3)
        town.admit("failed")
        town.admit("disclosure", count=1)
        self.refuse("disclosure-once", "disclosure", count=2)
        self.refuse("failed-open", "failed", blamed=1)
        self.refuse("withdrawn-open", "withdrawn")

    def _forget(self) -> None:
        town = self.town
        town.admit("request")
        town.admit("withdrawn")
        self.refuse("decision-open", "decision")
        town.admit("incident")
        self.refuse("incident-new", "incident", incident=b64u(make_id("incident/1")), summary="Another")
        access = town.make("access")
        town.admit_signed(access)
        self.refuse_signed("once", access)
        self.refuse("access-once", "access", counts=[])
        self.refuse("lost-known", "lost", recorder=b64u(make_id("none")))
        town.admit("lost")
        nothing = b64u(bytes(16))
        unused = {"epoch": nothing, "index": 3, "pool": b64u(town.pool)}
        self.refuse("shred-deadline", "shred")
        self.refuse("shred-known", "shred", items=[{**unused, "index": 4}], reason="unused")
        self.refuse("shred-unused", "shred", items=[{**unused, "index": 0}], reason="unused")
        town.admit("shred", items=[unused], reason="unused")
        self.refuse("shred-once", "shred", items=[unused], reason="erasure")
        self.refuse("destroyed-known", "destroyed", keys=[nothing])
        town.advance(8 * DAY_US)
        self.refuse("shred-hold", "shred")
        town.admit("hold-share", custodian=2)
        self.refuse("shred-hold", "shred", reason="erasure")
        town.admit("shred")
        self.refuse("shred-once", "shred", reason="erasure")
        self.refuse("hold-epochs", "hold")
        town.admit("hold-share", custodian=3)
        pair = {"epoch": nothing, "index": 0, "pool": b64u(town.last_hold)}
        self.refuse("shred-hold", "shred", items=[pair], reason="hold")
        town.advance(2 * DAY_US + 12 * MINUTE_US)
        self.refuse("shred-known", "shred", items=[{**pair, "index": 1}], reason="hold")
        town.admit("shred", items=[pair], reason="hold")
        self.refuse("shred-once", "shred", items=[pair, pair], reason="hold")
        town.admit("roster", discloser=_actor("discloser-2"))
        town.admit("destroyed")


def _actor(label: str) -> dict[str, str]:
    return {"sealing": b64u(sealing_key(label).public), "signing": b64u(signing_key(label).public)}
