"""The town's ledger: statements that the rules admit, each changeable member by member.

town = Town()             entry 0 is there
town.found()              recorder, cameras, custodians' keys, pool
town.open_epoch()         an epoch of the first stream
town.admit("camera", name="Bridge")        the next camera statement with a changed member
town.make("camera", signers=[...])         the same, signed but not admitted
"""

from collections.abc import Iterable, Mapping
from typing import Any

from custodes.base.canon import b64u, canon, typed_hash, typed_message
from custodes.base.clock import DAY_US, HOUR_US, MINUTE_US, SECOND_US
from custodes.base.keys import Signature, Signed, SigningKey, key_id, sign_body
from custodes.ledger import merkle
from custodes.ledger.entries.bodies import entry_type
from custodes.ledger.rules.requests import decisions_hash
from custodes.ledger.rules.state import GENESIS_ID_TYPE, Admitted, LedgerState
from town.people import Actor, Custodian, Staff, digest, make_id, sealing_key, signing_key

START_US = 1_800_000_000 * SECOND_US
NORMAL_PERIODS = {
    "custodian_key_us": 7 * DAY_US,
    "freshness_us": 600 * SECOND_US,
    "reel_us": 5 * MINUTE_US,
    "slot_us": MINUTE_US,
    "slots_per_epoch": 60,
    "staff_wait_us": DAY_US,
}


def sign_genesis(body: Mapping[str, Any], keys: Iterable[SigningKey]) -> Signed:
    """Genesis is signed over its id."""
    type_ = entry_type("genesis")
    message = typed_message(GENESIS_ID_TYPE, typed_hash(type_, canon(body)))
    return Signed(type_, body, ()).with_signatures(Signature(key.id, key.sign(message)) for key in keys)


class Town:
    """Keys of all, the state, and the entries so far."""

    def __init__(
        self,
        quorum: int = 2,
        custodians: int = 3,
        periods: Mapping[str, int] = NORMAL_PERIODS,
        witnesses: int = 0,
        begin: bool = True,
    ) -> None:
        self.now_us = START_US
        self.quorum = quorum
        self.periods = dict(periods)
        self.origin = "town.example/log"
        self.log = signing_key("log")
        self.operator, self.keeper, self.discloser = (
            Actor(name) for name in ("operator", "keeper", "discloser")
        )
        self.recorder = Actor("recorder")
        self.recorder_id = make_id("recorder")
        self.custodians = [Custodian(index, f"custodian-{index}") for index in range(1, custodians + 1)]
        self.administrator = Staff("admin-1", "administrator")
        self.supervisor = Staff("super-1", "supervisor")
        self.investigator = Staff("invest-1", "investigator")
        self.staff = [self.administrator, self.supervisor, self.investigator]
        self.witnesses = {
            f"witness-{n}.example": signing_key(f"witness-{n}") for n in range(1, witnesses + 1)
        }
        self.witnesses_needed = witnesses
        self.camera, self.stream, self.sub_stream = (make_id(name) for name in ("camera", "main", "sub"))
        self.pool = make_id("pool")
        self.pool_keys = [sealing_key(f"pool/{index}") for index in range(4)]
        self.state = LedgerState()
        self.entries: list[bytes] = []
        self.epochs: list[dict[str, Any]] = []
        if begin:
            self.admit_signed(self.genesis())

    @property
    def network(self) -> bytes:
        return self.state.genesis.network

    @property
    def last_request(self) -> bytes:
        """The newest request; of none, a hash that no request has."""
        return next(reversed(self.state.facts.requests), digest("no request"))

    @property
    def last_hold(self) -> bytes:
        """The newest hold; of none, an id that no hold has."""
        return next(reversed(self.state.facts.holds), make_id("no hold"))

    def advance(self, us: int) -> None:
        self.now_us += us

    def genesis(self, **changes: Any) -> Signed:
        """The signed body of entry 0."""
        body = {
            "created_us": self.now_us,
            "custodians": [self._custodian(custodian) for custodian in self.custodians],
            "discloser": self._actor(self.discloser),
            "format": "custodes/genesis/v1",
            "installed_clients": max(1, self.quorum - 1),
            "keeper": self._actor(self.keeper),
            "log": {"key": b64u(self.log.public), "origin": self.origin},
            "name": "Town of Example",
            "operator": self._actor(self.operator),
            "periods": self.periods,
            "quorum": self.quorum,
            "staff": [
                {"key": b64u(one.key.public), "pseudonym": one.pseudonym, "role": one.role}
                for one in self.staff
            ],
            "witnesses": self._witnesses(),
            **changes,
        }
        return sign_genesis(body, [*(one.identity for one in self.custodians), self.operator.signing])

    def make(self, name: str, /, signers: Iterable[SigningKey] | None = None, **changes: Any) -> Signed:
        """The next statement of that name as the rules want it, with these members in place of its own."""
        if name == "genesis":
            return self.genesis(**changes)
        body, usual = getattr(self, "_" + name.replace("-", "_"))(changes)
        body = {"network": b64u(self.network), **body}
        for member, value in changes.items():
            if value is ...:
                del body[member]
            else:
                body[member] = value
        return sign_body(entry_type(name), body, *(usual if signers is None else signers))

    def admit(self, name: str, /, signers: Iterable[SigningKey] | None = None, **changes: Any) -> Admitted:
        """Make it and enter it."""
        return self.admit_signed(self.make(name, signers, **changes))

    def admit_signed(self, signed: Signed) -> Admitted:
        admitted = self.state.admit(signed, self.now_us, self.state.size)
        self.entries.append(admitted.entry)
        return admitted

    def found(self) -> None:
        """All that must be there before the first epoch."""
        self.admit("recorder")
        self.admit("camera")
        for custodian in self.custodians:
            self.admit("key-cert", custodian=custodian.index)
        self.admit("pool")

    def open_epoch(self, **changes: Any) -> dict[str, Any]:
        """Enter an epoch; its header."""
        signed = self.make("epoch", **changes)
        self.admit_signed(signed)
        self.epochs.append(dict(signed.body["header"]))
        return self.epochs[-1]

    def grant(self, request: bytes, count: int = 2) -> None:
        """As many decisions as the quorum, from the first custodians."""
        for custodian in self.custodians[: self.quorum]:
            self.admit("decision", custodian=custodian.index, request=b64u(request), count=count)

    def header(self, number: int = 1, **changes: Any) -> dict[str, Any]:
        """An epoch's header, the shred key by its number."""
        retention_us = self.state.camera(self.camera).retention_us
        index = (number - 1) % len(self.pool_keys)
        slots = self.periods["slots_per_epoch"]
        return {
            "assurance": "full",
            "camera": b64u(self.camera),
            "custodians": [
                {
                    "index": custodian.index,
                    "key": b64u(custodian.weekly[0].id),
                    "root": b64u(digest(f"share-root/{number}/{custodian.index}")),
                }
                for custodian in self.custodians
            ],
            "deadline_us": self.now_us + self.periods["slot_us"] * slots + retention_us,
            "epoch": b64u(make_id(f"epoch/{number}")),
            "format": "custodes/header/v1",
            "network": b64u(self.network),
            "quorum": self.quorum,
            "recorder": b64u(self.recorder_id),
            "roster": b64u(self.state.roster.hash),
            "run": 1,
            "shred": {"index": index, "key": b64u(self.pool_keys[index].id), "pool": b64u(self.pool)},
            "slot_root": b64u(digest(f"slot-root/{number}")),
            "slot_us": self.periods["slot_us"],
            "slots": slots,
            "stream": b64u(self.stream),
            "utc0_us": self.now_us,
            **changes,
        }

    def _actor(self, actor: Actor) -> dict[str, str]:
        return {"sealing": b64u(actor.sealing.public), "signing": b64u(actor.signing.public)}

    def _custodian(self, custodian: Custodian) -> dict[str, Any]:
        return {
            "identity": b64u(custodian.identity.public),
            "index": custodian.index,
            "name": f"Custodian {custodian.index}",
            "weekly": [b64u(key.id) for key in custodian.weekly],
        }

    def _witnesses(self) -> dict[str, Any]:
        keys = [{"key": b64u(key.public), "name": name} for name, key in self.witnesses.items()]
        return {"keys": keys, "needed": self.witnesses_needed}

    def _by_custodian(self, changes: dict[str, Any]) -> tuple[int, SigningKey]:
        index = changes.get("custodian", 1)
        known = {custodian.index: custodian.identity for custodian in self.custodians}
        return index, known.get(index, self.custodians[0].identity)

    def _roster(self, changes: dict[str, Any]) -> tuple[dict[str, Any], list[SigningKey]]:
        roster = self.state.roster
        body = {
            "custodians": [self._custodian(custodian) for custodian in self.custodians],
            "discloser": self._actor(self.discloser),
            "format": "custodes/roster/v1",
            "installed_clients": roster.installed_clients,
            "keeper": self._actor(self.keeper),
            "number": roster.number + 1,
            "operator": self._actor(self.operator),
            "previous": b64u(roster.hash),
            "quorum": self.quorum,
            "witnesses": self._witnesses(),
        }
        return body, [*(one.identity for one in self.custodians), self.operator.signing]

    def _recorder(self, changes: dict[str, Any]) -> tuple[dict[str, Any], list[SigningKey]]:
        body = {"recorder": b64u(self.recorder_id), **self._actor(self.recorder)}
        return body, [self.operator.signing]

    def _staff(self, changes: dict[str, Any]) -> tuple[dict[str, Any], list[SigningKey]]:
        number = len(self.state.facts.staff) - len(self.staff) + 1
        new = Staff(f"new-{number}", changes.get("role", "operator"))
        body = {"key": b64u(new.key.public), "pseudonym": new.pseudonym, "role": new.role}
        return body, [self.administrator.key, self.supervisor.key]

    def _camera(self, changes: dict[str, Any]) -> tuple[dict[str, Any], list[SigningKey]]:
        known = self.state.facts.cameras.get(self.camera)
        body = {
            "camera": b64u(self.camera),
            "justification": "",
            "legal_basis": "Town by-law 12",
            "mounts": [{"height_cm": 450, "latitude_e7": 541234567, "longitude_e7": -71234567}],
            "name": "Market",
            "purpose": "Accidents at the crossing",
            "responsible_body": "Town of Example",
            "retention_us": 72 * HOUR_US,
            "review_date": "2028-01-01",
            "revision": known.revision + 1 if known else 1,
            "site": "Market square",
            "streams": [
                {"assurance": "full", "kind": "main", "stream": b64u(self.stream)},
                {"assurance": "full", "kind": "sub", "stream": b64u(self.sub_stream)},
            ],
            "views": [{"angle_cdeg": 9000, "bearing_cdeg": 4550, "name": "crossing", "range_m": 40}],
            "zones": [
                {
                    "kind": "view",
                    "name": "windows",
                    "x0_permille": 0,
                    "x1_permille": 250,
                    "y0_permille": 100,
                    "y1_permille": 400,
                }
            ],
        }
        return body, [self.administrator.key]

    def _background(self, changes: dict[str, Any]) -> tuple[dict[str, Any], list[SigningKey]]:
        stream, view = b64u(self.stream), changes.get("view", "crossing")
        place = (self.stream, view, changes.get("condition", "day"))
        known = self.state.facts.backgrounds.get(place)
        revision = known.revision + 1 if known else 1
        body = {
            "background": b64u(digest(f"background/{revision}")),
            "camera": b64u(self.camera),
            "condition": "day",
            "doubt_permille": 480,
            "revision": revision,
            "stream": stream,
            "view": view,
            "withheld_permille": 390,
        }
        return body, [self.administrator.key, self.supervisor.key]

    def _key_cert(self, changes: dict[str, Any]) -> tuple[dict[str, Any], list[SigningKey]]:
        index, key = self._by_custodian(changes)
        number = changes.get("number", len(self.state.key_certs(index)) + 1)
        week_us = self.periods["custodian_key_us"]
        from_us = START_US + (number - 1) * week_us
        sealing = sealing_key(f"custodian-{index}/week-{number}")
        body = {
            "custodian": index,
            "destroy_after_us": from_us + week_us + 38 * DAY_US,
            "key": b64u(sealing.public),
            "number": number,
            "seals_from_us": from_us,
            "seals_until_us": from_us + week_us,
        }
        return body, [key]

    def _destroyed(self, changes: dict[str, Any]) -> tuple[dict[str, Any], list[SigningKey]]:
        index, key = self._by_custodian(changes)
        return {"custodian": index, "keys": [b64u(self.custodians[index - 1].weekly[0].id)]}, [key]

    def _pool(self, changes: dict[str, Any]) -> tuple[dict[str, Any], list[SigningKey]]:
        root = merkle.root(key.public for key in self.pool_keys)
        body = {"count": len(self.pool_keys), "pool": b64u(self.pool), "recorder": b64u(self.recorder_id)}
        return {**body, "root": b64u(root)}, [self.keeper.signing]

    def _unwrap(self, changes: dict[str, Any]) -> tuple[dict[str, Any], list[SigningKey]]:
        fetch = digest(f"fetch/{sum(self.state.facts.unwraps.values()) + 1}")
        purpose = {"hash": b64u(self.last_request), "kind": "request"}
        body = {"count": 1, "custodian": 1, "fetch": b64u(fetch), "purpose": purpose}
        return body, [self.keeper.signing]

    def _shred(self, changes: dict[str, Any]) -> tuple[dict[str, Any], list[SigningKey]]:
        header = self.epochs[0]
        item = {"epoch": header["epoch"], "index": header["shred"]["index"], "pool": header["shred"]["pool"]}
        return {"items": [item], "reason": "deadline"}, [self.keeper.signing]

    def _epoch(self, changes: dict[str, Any]) -> tuple[dict[str, Any], list[SigningKey]]:
        number = len(self.state.facts.epochs.live) + len(self.state.facts.epochs.gone) + 1
        members = changes.pop("header", {})
        body = {"header": self.header(number, **members), "set": b64u(digest(f"set/{number}"))}
        return body, [self.recorder.signing]

    def _account(self, changes: dict[str, Any]) -> tuple[dict[str, Any], list[SigningKey]]:
        recorder = self.state.facts.recorders.get(self.recorder_id)
        number = recorder.number + 1 if recorder else 1
        body = {
            "closed": [],
            "cuts": [],
            "envelopes": 12,
            "gaps": [],
            "manifest": b64u(digest(f"manifest/{number}")),
            "minute_us": self.now_us,
            "number": number,
            "previous": b64u(recorder.head if recorder else bytes(32)),
            "recorder": b64u(self.recorder_id),
            "root": b64u(digest(f"account-root/{number}")),
            "run": (recorder.run if recorder else None) or 1,
        }
        return body, [self.recorder.signing]

    def _restart(self, changes: dict[str, Any]) -> tuple[dict[str, Any], list[SigningKey]]:
        body, keys = self._account(changes)
        return {**body, "previous_run": body["run"], "run": body["run"] + 1}, keys

    def _request(self, changes: dict[str, Any]) -> tuple[dict[str, Any], list[SigningKey]]:
        number = len(self.state.facts.requests) + 1
        body = {
            "commitment": b64u(digest(f"commitment/{number}")),
            "count": 2,
            "decisions_needed": self.quorum,
            "epochs": 1,
            "expiry_us": self.now_us + 10 * DAY_US,
            "kind": "incident",
            "request": b64u(digest(f"request/{number}")),
        }
        return body, [self.discloser.signing, self.supervisor.key, self.investigator.key]

    def _withdrawn(self, changes: dict[str, Any]) -> tuple[dict[str, Any], list[SigningKey]]:
        return {"request": b64u(self.last_request)}, [self.supervisor.key]

    def _decision(self, changes: dict[str, Any]) -> tuple[dict[str, Any], list[SigningKey]]:
        index, key = self._by_custodian(changes)
        request = self.last_request
        body = {
            "checkpoint": {"root": b64u(self.state.tree.root()), "size": self.state.size},
            "client": "installed",
            "commitment": b64u(digest(f"grant/{index}/{request.hex()}")),
            "count": 2,
            "custodian": index,
            "decided_us": self.now_us,
            "request": b64u(request),
            "verdict": "grant",
        }
        return body, [key]

    def _release(self, changes: dict[str, Any]) -> tuple[dict[str, Any], list[SigningKey]]:
        index, key = self._by_custodian(changes)
        request = self.last_request
        known = self.state.facts.requests.get(request)
        body = {
            "count": 2,
            "custodian": index,
            "decisions": b64u(decisions_hash(known.granting if known else [])),
            "request": b64u(request),
            "set": b64u(digest(f"set/{index}/{request.hex()}")),
        }
        return body, [key]

    def _disclosure(self, changes: dict[str, Any]) -> tuple[dict[str, Any], list[SigningKey]]:
        body = {
            "count": 2,
            "envelopes": 12,
            "package": b64u(digest("package")),
            "request": b64u(self.last_request),
        }
        return body, [self.discloser.signing]

    def _failed(self, changes: dict[str, Any]) -> tuple[dict[str, Any], list[SigningKey]]:
        body = {"blamed": 0, "reason": "a share is missing", "request": b64u(self.last_request)}
        return body, [self.discloser.signing]

    def _hold(self, changes: dict[str, Any]) -> tuple[dict[str, Any], list[SigningKey]]:
        number = len(self.state.facts.holds) + 1
        provisional = changes.get("kind", "provisional") == "provisional"
        body = {
            "commitment": b64u(digest(f"hold/{number}")),
            "count": 2,
            "epochs": [self.epochs[0]["epoch"]] if self.epochs else [b64u(make_id("no epoch"))],
            "hold": b64u(make_id(f"hold/{number}")),
            "kind": "provisional",
            "request": "" if provisional else b64u(self.last_request),
            "until_us": self.now_us + 7 * DAY_US,
        }
        return body, [self.supervisor.key if provisional else self.keeper.signing]

    def _hold_share(self, changes: dict[str, Any]) -> tuple[dict[str, Any], list[SigningKey]]:
        index, key = self._by_custodian(changes)
        header_hash = typed_hash("custodes/header/v1", canon(self.epochs[0]))
        body = {"custodian": index, "header": b64u(header_hash), "hold": b64u(self.last_hold)}
        return {**body, "message": b64u(digest(f"hold-share/{index}"))}, [key]

    def _incident(self, changes: dict[str, Any]) -> tuple[dict[str, Any], list[SigningKey]]:
        number = len(self.state.facts.incidents) + 1
        body = {"deadline_us": self.now_us + DAY_US, "incident": b64u(make_id(f"incident/{number}"))}
        return {**body, "summary": "A share did not check"}, [self.keeper.signing]

    def _lost(self, changes: dict[str, Any]) -> tuple[dict[str, Any], list[SigningKey]]:
        return {"from_number": 1, "recorder": b64u(self.recorder_id), "run": 1}, [self.keeper.signing]

    def _access(self, changes: dict[str, Any]) -> tuple[dict[str, Any], list[SigningKey]]:
        body = {"counts": [{"count": 3, "role": "operator"}], "hour_us": self.now_us // HOUR_US * HOUR_US}
        return body, [self.keeper.signing]


__all__ = ["START_US", "Town", "key_id", "sign_genesis"]
