"""A camera goes into the ledger and comes back as it was."""

from dataclasses import replace

from town.ledger import Town

from custodes.base.keys import sign_body
from custodes.ledger.entries.bodies import entry_type
from custodes.ledger.entries.builders import camera_body


def test_a_camera_comes_back() -> None:
    town = Town()
    town.found()
    camera = replace(town.state.camera(town.camera).described, revision=2, name="Bridge")
    body = camera_body(town.network, camera)
    town.admit_signed(sign_body(entry_type("camera"), body, town.administrator.key))
    assert town.state.camera(town.camera).described == camera
    assert town.state.genesis.described.name == "Town of Example"
