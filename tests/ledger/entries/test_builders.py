"""A camera goes into the ledger and comes back as it was."""

from dataclasses import replace

from town.ledger import Town

from custodes.base.keys import sign_body
from custodes.estate.model import Mount, View, Zone
from custodes.ledger.entries.bodies import entry_type
from custodes.ledger.entries.builders import camera_body


def test_a_camera_comes_back() -> None:
    town = Town()
    town.found()
    camera = replace(
        town.state.camera(town.camera).described,
        revision=2,
        name="Bridge",
        mount=Mount(-338_688_197, 1_512_092_955, 620),
        views=(View("quay", 0, 6000, 80), View("steps", 18_000, 4500, 35)),
        zones=(Zone("windows", "view", 0, 100, 250, 400), Zone("door", "original", 900, 0, 1000, 1000)),
    )
    body = camera_body(town.network, camera)
    town.admit_signed(sign_body(entry_type("camera"), body, town.administrator.key))
    assert town.state.camera(town.camera).described == camera
    assert town.state.genesis.described.name == "Town of Example"
