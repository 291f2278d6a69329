"""A node's configuration: ``HOME/node.toml``, overridden by ``IIC_NODE_…`` variables.

Nothing here changes what a valid block is; that is in the genesis document. A node's home:

    HOME/node.toml       this configuration
    HOME/genesis.json    the genesis document with every guarantor's approval
    HOME/keys/           the node's keys (:mod:`node.identity`)
    HOME/data/ledger/    blocks, receipts, state
    HOME/data/votes/     the vote journal
    HOME/data/explorer/  the explorer's index, made again whenever it is missing
    HOME/data/snapshots/ snapshots of the state that others may join from
"""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from ledger.errors import CodedError
from node.api.settings import ApiSettings
from node.errors import BAD_CONFIG
from node.logs import Format, Level
from node.network.roster import split_address
from node.replica.config import ReplicaConfig

FILE = "node.toml"


class Home(NamedTuple):
    """Where a node's files are."""

    path: Path

    @property
    def config(self) -> Path:
        """The configuration file."""
        return self.path / FILE

    @property
    def genesis(self) -> Path:
        """The approved genesis document."""
        return self.path / "genesis.json"

    @property
    def ledger(self) -> Path:
        """The chain store."""
        return self.path / "data" / "ledger"

    @property
    def explorer(self) -> Path:
        """The explorer's index, which may be deleted at any time."""
        return self.path / "data" / "explorer"

    @property
    def votes(self) -> Path:
        """The vote journal."""
        return self.path / "data" / "votes"

    @property
    def vote_log(self) -> Path:
        """Everything that this node's key ever signed, if it is configured to be kept."""
        return self.path / "data" / "votes.jsonl"

    @property
    def snapshots(self) -> Path:
        """Snapshots that others may join from."""
        return self.path / "data" / "snapshots"

    @property
    def staging(self) -> Path:
        """Verified parts of a snapshot from which this node joins."""
        return self.path / "data" / "joining"

    @property
    def joined(self) -> Path:
        """A complete new store that is about to become the ledger."""
        return self.path / "data" / "joined"

    @property
    def card(self) -> Path:
        """The node card that the guarantor sends to whoever collects the genesis document."""
        return self.path / "node-card.json"


def _is_address(value: str) -> str:
    try:
        split_address(value)
    except CodedError as error:
        raise ValueError(error.message) from None
    return value


def _names(known: dict[str, Any], table: dict[str, Any]) -> dict[str, Any]:
    for name, value in table.items():
        if name not in known:
            raise ValueError(f"{name} is none of {', '.join(sorted(known))}")
        if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
            raise ValueError(f"{name} is a positive number")
        if isinstance(known[name], int) and not isinstance(value, int):
            raise ValueError(f"{name} is a whole number")
    return table


_API_BOUNDS = {field.name: field.default for field in fields(ApiSettings)}

Address = Annotated[str, AfterValidator(_is_address)]
ApiAddress = Annotated[str, AfterValidator(lambda value: value and _is_address(value))]

SyncMode = Literal["auto", "replay"]


class ObserverConfig(BaseModel):
    """A follower that this node admits: its certificate file (PEM) and node key (hex)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(min_length=1, max_length=64)]
    node_key: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    certificate: Path


class PeerConfig(ObserverConfig):
    """A node to dial besides the validators that this node knows of: for a newcomer to a ledger
    whose first validators have left or changed their addresses since."""

    address: Address


class NodeConfig(BaseSettings):
    """The settings; see the module for where they come from."""

    model_config = SettingsConfigDict(env_prefix="IIC_NODE_", extra="forbid", frozen=True)

    name: Annotated[str, Field(min_length=1, max_length=64)]
    listen: Address
    """Where peers connect, ``host:port``."""
    api: ApiAddress = "127.0.0.1:8080"
    """Where the HTTP API is served; no API if empty."""
    explorer: bool = True
    """Whether pages for people are served at the API's address."""
    vote_log: bool = False
    """Whether everything that the vote key signs is also kept for good (:mod:`node.votelog`)."""
    log_level: Level = "info"
    log_format: Format = "auto"
    workers: Annotated[int, Field(ge=0, le=64)] = 0
    """Verification processes; 0 chooses by the number of processors."""
    password_file: Path | None = None
    """Holds the password of an encrypted vote key."""
    observers: tuple[ObserverConfig, ...] = ()
    peers: tuple[PeerConfig, ...] = ()
    sync: SyncMode = "auto"
    """How a node far behind catches up: ``auto`` by a snapshot, ``replay`` by every block."""
    snapshot_ahead: Annotated[int, Field(ge=1)] = 2_000
    """Blocks that count as far behind."""
    snapshot_blocks: Annotated[int, Field(ge=0)] = 1_000
    """A snapshot for others is taken at every multiple of this height; none if 0."""
    pacing: Annotated[
        dict[str, int], AfterValidator(lambda t: _names(ReplicaConfig._field_defaults, t))
    ] = {}
    """Overrides of :class:`node.replica.config.ReplicaConfig`."""
    api_limits: Annotated[
        dict[str, int | float], AfterValidator(lambda t: _names(_API_BOUNDS, t))
    ] = {}
    """Overrides of :class:`node.api.settings.ApiSettings`."""

    @property
    def replica(self) -> ReplicaConfig:
        """Pacing and bounds of the replica."""
        return ReplicaConfig(**self.pacing)

    @property
    def api_settings(self) -> ApiSettings:
        """Bounds of the API."""
        return ApiSettings(**self.api_limits)  # type: ignore[arg-type]  # checked by _names


def load(home: Home) -> NodeConfig:
    """The configuration of a node's home; raises ``BAD_CONFIG`` naming what is wrong."""
    if not home.config.is_file():
        raise CodedError(BAD_CONFIG, f"{home.config} is not there; make a home by: iic node init")

    class FromFile(NodeConfig):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return env_settings, TomlConfigSettingsSource(settings_cls, home.config)

    try:
        return FromFile()  # type: ignore[call-arg]  # the sources fill the fields
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        message = str(first["msg"]).removeprefix("Value error, ")
        raise CodedError(BAD_CONFIG, f"{home.config}: {message}", field=field) from None
    except ValueError as error:  # not TOML
        raise CodedError(BAD_CONFIG, f"{home.config}: {error}") from None


def write(home: Home, *, name: str, listen: str, api: str, **more: Any) -> None:
    """Write a new configuration file; raises ``BAD_CONFIG`` if there is one."""
    lines = [
        "# A guarantor's node. Nothing here changes what a valid block is.",
        f"name = {json.dumps(name, ensure_ascii=False)}",
        f"listen = {json.dumps(listen)}  # where peers connect",
        f"api = {json.dumps(api)}  # where the HTTP API is served; empty for none",
    ]
    tables = {key: value for key, value in more.items() if isinstance(value, dict)}
    lines += [f"{k} = {json.dumps(v)}" for k, v in more.items() if k not in tables]
    for table, values in tables.items():
        lines += ["", f"[{table}]", *(f"{k} = {json.dumps(v)}" for k, v in values.items())]
    try:
        with home.config.open("x", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
    except FileExistsError:
        raise CodedError(BAD_CONFIG, f"{home.config} exists already") from None
