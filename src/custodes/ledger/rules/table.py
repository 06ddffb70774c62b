"""Every entry's signers and rule.

Source: docs/formats/entries.md, the columns "signed by" and "admitted if".
"""

from __future__ import annotations

from custodes.ledger.rules import (
    backgrounds,
    cameras,
    custodians,
    epochs,
    holds,
    notices,
    people,
    pools,
    recorders,
    requests,
)
from custodes.ledger.rules.candidate import Admission, Signers

RULES: dict[str, tuple[Signers, Admission]] = {
    "genesis": (people.sign_genesis, people.admit_genesis),
    "roster": (people.sign_roster, people.admit_roster),
    "recorder": (people.sign_operator, recorders.admit_recorder),
    "staff": (people.sign_staff, people.admit_staff),
    "camera": (people.sign_administrator, cameras.admit_camera),
    "background": (backgrounds.sign_background, backgrounds.admit_background),
    "key-cert": (people.sign_custodian, custodians.admit_key_cert),
    "destroyed": (people.sign_custodian, custodians.admit_destroyed),
    "pool": (people.sign_keeper, pools.admit_pool),
    "unwrap": (people.sign_keeper, requests.admit_unwrap),
    "shred": (people.sign_keeper, pools.admit_shred),
    "epoch": (epochs.sign_epoch, epochs.admit_epoch),
    "account": (recorders.sign_recorder, recorders.admit_account),
    "restart": (recorders.sign_recorder, recorders.admit_restart),
    "request": (requests.sign_request, requests.admit_request),
    "withdrawn": (requests.sign_withdrawn, requests.admit_withdrawn),
    "decision": (people.sign_custodian, requests.admit_decision),
    "release": (people.sign_custodian, requests.admit_release),
    "disclosure": (people.sign_discloser, requests.admit_disclosure),
    "failed": (people.sign_discloser, requests.admit_failed),
    "hold": (holds.sign_hold, holds.admit_hold),
    "hold-share": (people.sign_custodian, holds.admit_hold_share),
    "incident": (notices.sign_incident, notices.admit_incident),
    "lost": (people.sign_keeper, recorders.admit_lost),
    "access": (people.sign_keeper, notices.admit_access),
}
