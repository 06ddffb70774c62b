"""Where an embedded network keeps what.

network.json               the id and how to reach the network, written by `init`; `storage` sets the free space to keep
genesis.json               the genesis and the signatures gathered so far
operator/                  O's keys; belong on a shelf, not on this machine
staff/<pseudonym>.key      the first staff keys; each belongs with its person
keeper/  keystore/{a,b}/   L's and the log's keys, database; shred keys in two copies
discloser/                 D's keys, one-time keys
recorder/<id>/             R's keys, settings, state
web/                       users, sessions, layouts; an index of the ledger, which can be made anew; the basemap
exchange/                  questions and answers
store/                     sealed footage, accounts, cases, ledger: what may be mirrored
spool/                     open reels
run/                       health of the processes
person-vehicle.tflite      the detector's model, where it is not the one made at set-up
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from custodes.adapters.durable_file import replace_file
from custodes.base.errors import CorruptError, NotFoundError


@dataclass(frozen=True, slots=True)
class NetworkFolder:
    """The paths of one network's folder."""

    root: Path

    @property
    def settings_file(self) -> Path:
        """network.json."""
        return self.root / "network.json"

    @property
    def genesis_file(self) -> Path:
        """genesis.json."""
        return self.root / "genesis.json"

    @property
    def founding_folder(self) -> Path:
        """Statements that wait for the next start."""
        return self.root / "founding"

    def founding_file(self, name: str) -> Path:
        """A signed statement that waits for the next start."""
        return self.founding_folder / f"{name}.json"

    @property
    def bus(self) -> Path:
        """The private bus: its server's files and each process's key."""
        return self.root / "bus"

    @property
    def operator(self) -> Path:
        """O's keys."""
        return self.root / "operator"

    def staff_key(self, pseudonym: str) -> Path:
        """A staff key of `init`."""
        return self.root / "staff" / f"{pseudonym}.key"

    @property
    def keeper(self) -> Path:
        """Keys and database of the keeper."""
        return self.root / "keeper"

    @property
    def keystore(self) -> tuple[Path, Path]:
        """The two copies of the shred keys."""
        return self.root / "keystore" / "a", self.root / "keystore" / "b"

    @property
    def discloser(self) -> Path:
        """Keys and one-time keys of the discloser."""
        return self.root / "discloser"

    def recorder(self, recorder: bytes) -> Path:
        """Keys, settings and state of a recorder."""
        return self.root / "recorder" / recorder.hex()

    @property
    def web(self) -> Path:
        """Databases of the web process."""
        return self.root / "web"

    @property
    def web_database(self) -> Path:
        """Users, sessions, layouts."""
        return self.web / "web.sqlite"

    @property
    def web_index(self) -> Path:
        """The register and what was recorded when, taken from the ledger."""
        return self.web / "index.sqlite"

    @property
    def basemap(self) -> Path:
        """The map that `custodes basemap` makes; there need not be one."""
        return self.web / "basemap.pmtiles"

    @property
    def exchange(self) -> Path:
        """Questions and answers."""
        return self.root / "exchange"

    @property
    def store(self) -> Path:
        """The object store."""
        return self.root / "store"

    @property
    def spool(self) -> Path:
        """Open reels."""
        return self.root / "spool"

    @property
    def run(self) -> Path:
        """Health of the processes."""
        return self.root / "run"


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """What is fixed about a deployment; not secret.

    `keep_free_bytes`: below so much free space in the store the oldest footage goes early; 0: never.
    """

    network: bytes
    recorder: bytes
    store_volume: bytes
    spool_volume: bytes
    http_port: int
    version: int = 1
    keep_free_bytes: int = 0

    def to_json(self) -> str:
        """The file's text."""
        return json.dumps(
            {
                "http_port": self.http_port,
                "keep_free_bytes": self.keep_free_bytes,
                "network": self.network.hex(),
                "recorder": self.recorder.hex(),
                "spool_volume": self.spool_volume.hex(),
                "store_volume": self.store_volume.hex(),
                "version": self.version,
            },
            indent=2,
        )


def write_settings(folder: NetworkFolder, settings: NetworkSettings) -> None:
    """Replace network.json. Durability: on disk when it returns."""
    replace_file(folder.settings_file, settings.to_json().encode("utf-8"))


def read_settings(folder: NetworkFolder) -> NetworkSettings:
    """Errors: NotFoundError when the folder is no network's; CorruptError."""
    try:
        value = json.loads(folder.settings_file.read_text("utf-8"))
        keep_free_bytes = value.get("keep_free_bytes", 0)
        if type(keep_free_bytes) is not int or keep_free_bytes < 0:
            raise ValueError("keep_free_bytes is no number of bytes")
        return NetworkSettings(
            network=bytes.fromhex(value["network"]),
            recorder=bytes.fromhex(value["recorder"]),
            store_volume=bytes.fromhex(value["store_volume"]),
            spool_volume=bytes.fromhex(value["spool_volume"]),
            http_port=int(value["http_port"]),
            version=int(value["version"]),
            keep_free_bytes=keep_free_bytes,
        )
    except FileNotFoundError as error:
        raise NotFoundError(f"{folder.root} is no network's folder; `custodes init` makes one") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorruptError(f"{folder.settings_file.name} is damaged") from error
