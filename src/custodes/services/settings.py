"""The settings document of a recorder: made and signed by the keeper, checked by the recorder part by part.

Source: docs/formats/settings.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from custodes.base.canon import b64u, canon, parse_canon, typed_message, unb64u
from custodes.base.errors import InvalidError, UnverifiedError
from custodes.base.ids import HASH_BYTES, ID_BYTES
from custodes.base.keys import Signed, SigningKey, key_id, sign_body
from custodes.base.sealing import PublicSealingKey, SealingKey
from custodes.custody.roster import RosterChain
from custodes.estate.model import HOME_VIEW, Stream, Zone
from custodes.estate.rules import check_assurance
from custodes.ledger import merkle
from custodes.ledger.checkpoint import SignedCheckpoint, parse_checkpoint
from custodes.ledger.entries.people import ROSTER_TYPE
from custodes.ledger.entries.wrapper import Entry, parse_entry
from custodes.services.committed import check_not_older, committed_backgrounds, staff_keys
from custodes.services.recorder.settings import CustodianKey, RecorderSettings, StreamAssignment

SETTINGS_TYPE = "custodes/settings/v1"
POOL_TYPE = "custodes/pool/v1"
ASSIGNMENT_TYPE = "custodes/assignment/v1"
_ENTRY = "custodes/entry/{}/v1"
_MEMBERS = {
    "assignments",
    "checkpoint",
    "entries",
    "format",
    "made_us",
    "network",
    "number",
    "pools",
    "recorder",
}


@dataclass(frozen=True, slots=True)
class ProvenEntry:
    """An entry's bytes with its place and its path to a checkpoint."""

    entry: bytes
    index: int
    path: tuple[bytes, ...]

    def to_json(self) -> dict[str, Any]:
        """The entry and its proof as JSON."""
        return {"entry": b64u(self.entry), "index": self.index, "path": [b64u(node) for node in self.path]}


def password_info(network: bytes, camera: bytes) -> bytes:
    """What a camera's password is sealed under."""
    return typed_message("custodes/camera-password/v1", network, camera)


def seal_password(
    password: str, network: bytes, camera: bytes, keys: Iterable[PublicSealingKey]
) -> dict[str, str]:
    """A camera's password sealed to each key, by key id."""
    info = password_info(network, camera)
    return {b64u(key.id): b64u(key.seal(password.encode("utf-8"), info)) for key in keys}


def pool_path(pool: bytes) -> str:
    """Where a pool's page lies in the store."""
    return f"pools/{pool.hex()}"


def pool_page(network: bytes, recorder: bytes, pool: bytes, keys: Sequence[bytes]) -> bytes:
    """The page of a pool's public keys."""
    body = {
        "format": POOL_TYPE,
        "keys": [b64u(key) for key in keys],
        "network": b64u(network),
        "pool": b64u(pool),
        "recorder": b64u(recorder),
    }
    return canon(body)


def sign_settings(
    keeper: SigningKey,
    network: bytes,
    recorder: bytes,
    number: int,
    made_us: int,
    assignments: Sequence[Mapping[str, Any]],
    checkpoint: SignedCheckpoint,
    entries: Sequence[ProvenEntry],
    pools: Sequence[bytes],
) -> bytes:
    """The document's bytes."""
    body = {
        "assignments": list(assignments),
        "checkpoint": checkpoint.encode().decode("utf-8"),
        "entries": [entry.to_json() for entry in entries],
        "format": SETTINGS_TYPE,
        "made_us": made_us,
        "network": b64u(network),
        "number": number,
        "pools": [b64u(pool) for pool in pools],
        "recorder": b64u(recorder),
    }
    return canon(sign_body(SETTINGS_TYPE, body, keeper).to_json())


def check_settings(
    data: bytes,
    network: bytes,
    recorder: bytes,
    key: SealingKey,
    pages: Mapping[bytes, bytes],
    last: RecorderSettings | None = None,
) -> RecorderSettings:
    """The settings of a document whose every part follows from the pinned genesis.

    `pages`: pool pages by pool; a pool whose page is not there is left out.
    Errors: InvalidError, UnverifiedError, RefusedError; the last good settings then stand.
    """
    signed = Signed.from_json(parse_canon(data))
    body = signed.body
    if signed.type != SETTINGS_TYPE or set(body) != _MEMBERS or body["format"] != SETTINGS_TYPE:
        raise InvalidError("not a settings document")
    if unb64u(body["network"], HASH_BYTES) != network or unb64u(body["recorder"], ID_BYTES) != recorder:
        raise UnverifiedError("the settings are of another network or recorder")
    if last is not None and body["number"] <= last.number:
        raise UnverifiedError(f"settings {body['number']} are not newer than {last.number}")
    checkpoint = parse_checkpoint(body["checkpoint"].encode("utf-8"))
    entries = [_check_included(member, checkpoint) for member in body["entries"]]
    if not entries:
        raise UnverifiedError("the settings hold no genesis")
    chain = RosterChain(entries[0].statement.signed, network)
    checkpoint.check_log(chain.genesis.origin, chain.genesis.log_key)
    for entry in entries[1:]:
        if entry.statement.signed.type == ROSTER_TYPE:
            chain.follow(entry.statement.signed)
    signed.check_signed_by([chain.roster.keeper.signing])
    if last is not None and last.roster not in chain.hashes:
        raise UnverifiedError("the settings go back to an earlier roster")
    proofs = _Parts(entries, chain, recorder)
    backgrounds = committed_backgrounds(entries, proofs.staff, proofs.cameras)
    check_not_older(backgrounds, last.backgrounds if last is not None else ())
    if proofs.sealing != key.public:
        raise UnverifiedError("the Recorder entry in the settings is not this recorder's")
    return RecorderSettings(
        number=body["number"],
        network=network,
        recorder=recorder,
        made_us=body["made_us"],
        quorum=chain.roster.quorum,
        indices=tuple(chain.roster.identities),
        roster=chain.roster.hash,
        periods=chain.genesis.periods,
        custodian_keys=proofs.custodian_keys,
        assignments=tuple(
            _assignment(member, proofs.cameras, network, key) for member in body["assignments"]
        ),
        pools={
            pool: proofs.pool_keys(pool, pages[pool])
            for pool in (unb64u(text, ID_BYTES) for text in body["pools"])
            if pool in pages
        },
        entry=proofs.entry,
        discloser=chain.roster.discloser.signing,
        backgrounds=backgrounds,
        recorders=proofs.recorders,
        staff=proofs.staff,
    )


def pools_named(data: bytes) -> list[bytes]:
    """The pools whose pages a settings document needs; nothing else of it is checked. Errors: InvalidError."""
    pools = Signed.from_json(parse_canon(data)).body.get("pools")
    if not isinstance(pools, list):
        raise InvalidError("settings name their pools in a list")
    return [unb64u(pool, ID_BYTES) for pool in pools]


class _Parts:
    """What the entries of a settings document establish, each checked against who must have signed it."""

    def __init__(self, entries: Sequence[Entry], chain: RosterChain, recorder: bytes) -> None:
        self._recorder = recorder
        self._pools: dict[bytes, Mapping[str, Any]] = {}
        self.cameras: dict[bytes, Mapping[str, Any]] = {}
        self.recorders: dict[bytes, bytes] = {}
        self.sealing = self.entry = b""
        roster = chain.roster
        self.staff = staff_keys(entries, chain.genesis.periods.staff_wait_us)
        administrators = {id_: one.key for id_, one in self.staff.items() if one.role == "administrator"}
        operators = {key_id(key): key for key in (chain.of(one).operator.signing for one in chain.hashes)}
        certs = []
        for entry in entries[1:]:
            signed = entry.statement.signed
            body = signed.body
            if signed.type == _ENTRY.format("recorder"):
                _check_one_of(signed, operators, "a Recorder entry is not signed by the operator")
                self.recorders[unb64u(body["recorder"], ID_BYTES)] = unb64u(body["signing"])
                if unb64u(body["recorder"]) == recorder:
                    self.sealing = unb64u(body["sealing"])
                    self.entry = signed.statement_hash()
            elif signed.type == _ENTRY.format("camera"):
                _check_one_of(signed, administrators, "a Camera entry is not signed by an administrator")
                self.cameras[unb64u(body["camera"], ID_BYTES)] = body
            elif signed.type == _ENTRY.format("key-cert"):
                signed.check_signed_by([roster.identities[body["custodian"]]])
                certs.append(_custodian_key(body))
            elif signed.type == _ENTRY.format("pool"):
                signed.check_signed_by([roster.keeper.signing])
                self._pools[unb64u(body["pool"], ID_BYTES)] = body
        self.custodian_keys = tuple(certs)

    def pool_keys(self, pool: bytes, page: bytes) -> tuple[bytes, ...]:
        """The keys of a pool, whose page must lead to the root in its entry."""
        entry = self._pools.get(pool)
        value = parse_canon(page)
        if entry is None or unb64u(entry["recorder"]) != self._recorder:
            raise UnverifiedError(f"pool {pool.hex()} is not this recorder's")
        keys = tuple(unb64u(text) for text in value["keys"])
        if len(keys) != entry["count"] or merkle.root(keys) != unb64u(entry["root"]):
            raise UnverifiedError(f"the page of pool {pool.hex()} is not that of its entry")
        return keys


def _check_included(member: Any, checkpoint: SignedCheckpoint) -> Entry:
    data = unb64u(member["entry"])
    path = [unb64u(node, HASH_BYTES) for node in member["path"]]
    merkle.check_path(checkpoint.checkpoint.root, checkpoint.checkpoint.size, member["index"], data, path)
    return parse_entry(data)


def _check_one_of(signed: Signed, keys: Mapping[bytes, bytes], why: str) -> None:
    signer = signed.signatures[0].key if len(signed.signatures) == 1 else b""
    if signer not in keys:
        raise UnverifiedError(why)
    signed.check_signed_by([keys[signer]])


def _custodian_key(body: Mapping[str, Any]) -> CustodianKey:
    return CustodianKey(
        index=body["custodian"],
        number=body["number"],
        key=PublicSealingKey(unb64u(body["key"])),
        seals_from_us=body["seals_from_us"],
        seals_until_us=body["seals_until_us"],
    )


def _assignment(
    member: Any, cameras: Mapping[bytes, Mapping[str, Any]], network: bytes, key: SealingKey
) -> StreamAssignment:
    camera, stream = unb64u(member["camera"], ID_BYTES), unb64u(member["stream"], ID_BYTES)
    entry = cameras.get(camera)
    streams = {
        one.id: one
        for one in (
            Stream(unb64u(one["stream"]), one["kind"], one["assurance"])
            for one in (entry["streams"] if entry else ())
        )
    }
    if entry is None or stream not in streams:
        raise UnverifiedError(f"stream {stream.hex()} belongs to no camera in the public register")
    try:
        check_assurance(member["url"], stream, streams.values())
    except InvalidError as error:
        raise UnverifiedError(
            f"stream {stream.hex()} is not reached as the register says: {error}"
        ) from error
    sealed = member["password"].get(b64u(key.id), "")
    password = key.open(unb64u(sealed), password_info(network, camera)).decode("utf-8") if sealed else ""
    return StreamAssignment(
        camera=camera,
        stream=stream,
        name=entry["name"],
        kind=streams[stream].kind,
        assurance=streams[stream].assurance,
        url=member["url"],
        transport=member["transport"],
        username=member["username"],
        retention_us=entry["retention_us"],
        priority=member["priority"],
        password=password,
        views=tuple(view["name"] for view in entry["views"]) or (HOME_VIEW,),
        zones=tuple(Zone(**zone) for zone in entry["zones"]),
    )
