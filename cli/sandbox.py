"""``iic sandbox start|stop``: a small real ledger to try every command on, whoever's it is.

Four guarantor nodes with everybody admitted, offices held and money issued. One keystore holds all
keys and one profile uses it, so ``--as NAME`` plays any part. The guides' commands run on it.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import time
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click

import cli
from cli import calls, output, profile
from cli.client import Client
from cli.files import write_private
from cli.keystore import Kdf, Keystore
from cli.localcluster import LocalCluster
from cli.output import Exit, Failure
from cli.plans import refusal
from contracts.currency.supply_operations import AttestReserve, Issue, RequestIssue
from contracts.framework.calendar import MS_PER_DAY, Calendar
from contracts.framework.forms import parse_amount
from contracts.framework.operation import Operation, write_operation
from contracts.framework.party import OF_A_STATE, Office, PartyKind, Profile, Role
from contracts.genesis import ApplicationGenesis, GenesisParty, application_genesis
from contracts.guarantee.operations import PostCapacity, PostCollateral
from ledger import limits
from ledger.codec import encode
from ledger.keys import PrivateKey
from ledger.policy import ANY, Key, Requirement, Rule
from ledger.transaction import Transaction, build, transaction_id

NAME = "sandbox"
MARK = "sandbox.json"
PASSWORD = "sandbox sandbox"  # noqa: S105  # published: the keys are no secret either
_FOLDER = click.Path(file_okay=False, path_type=Path)
_CHEAP = Kdf(operations=1, memory_kib=8 * 1024)
_KEY_DAYS = 700
_CALENDAR_DAYS = 3_650
_VALID_MS = 3_600_000
_CAPACITY, _COLLATERAL = 1_000_000_00, 150_000_00
_TO_ASCII = str.maketrans("êéã", "eea")


class Player(NamedTuple):
    """A party of the sandbox; ``money`` in minor units is issued to it at the start."""

    name: str
    country: str
    home: str
    kind: PartyKind
    offices: tuple[Office, ...]
    money: int

    @property
    def slug(self) -> str:
        """``tiete-tractors``: the name of its key."""
        return self.name.translate(_TO_ASCII).lower().replace(" ", "-")

    @property
    def lei(self) -> str:
        """An identifier that is nobody's, with correct check digits (ISO 17442)."""
        letters = "".join(c for c in self.slug.upper() if c.isalnum())
        body = f"DEMO00{letters}"[:14] + hashlib.sha256(self.slug.encode()).hexdigest()[:4].upper()
        body = body.ljust(18, "0")
        number = int("".join(str(int(c, 36)) for c in body + "00"))
        return f"{body}{98 - number % 97:02}"


class Sandbox(NamedTuple):
    """What ``scenarios/sandbox.toml`` says."""

    network: str
    seed: str
    reserve: int
    players: tuple[Player, ...]

    def key(self, player: Player) -> PrivateKey:
        """The demo key of a party; anybody can derive it."""
        return PrivateKey(hashlib.sha256(f"{self.seed}\0{player.slug}".encode()).digest())

    def holder(self, role: Role, state: str = "") -> Player:
        """Who holds an office."""
        wanted = Office(role, state)
        return next(player for player in self.players if wanted in player.offices)

    @property
    def states(self) -> tuple[str, ...]:
        """States that have a guarantor."""
        return tuple(
            o.scope for p in self.players for o in p.offices if o.role is Role.GUARANTOR
        )  # fmt: skip


def read(path: Path) -> Sandbox:
    """The cast of a sandbox file."""
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    players = [
        Player(f"{role.value.capitalize()} of {name}", state, state, PartyKind.INSTITUTION,
               (Office(role, state),), _COLLATERAL if role is Role.GUARANTOR else 0)
        for state, name in document["states"].items()
        for role in (Role.GUARANTOR, Role.ISSUER, Role.CUSTOMS)
    ]  # fmt: skip
    players += [_player(entry) for entry in document["parties"]]
    reserve = parse_amount(document["reserve"])
    return Sandbox(document["network"], document["seed"], reserve, tuple(players))


def _player(entry: Mapping[str, Any]) -> Player:
    offices = tuple(Office(Role(role)) for role in entry.get("offices", ()))
    assert not any(office.role in OF_A_STATE for office in offices), "states have their own"
    usual = PartyKind.INSTITUTION if offices else PartyKind.NATIONAL
    return Player(
        entry["name"],
        entry["country"],
        entry.get("home", entry["country"]),
        PartyKind(entry.get("kind", usual.value)),
        offices,
        parse_amount(entry.get("money", "0")),
    )


def application(sandbox: Sandbox, now: int) -> ApplicationGenesis:
    """Everybody a member from the start, with one key that signs everything."""
    rules = (Rule(ANY, (Requirement("director", 1),)),)
    parties = tuple(
        GenesisParty(
            player.lei,
            Profile(player.name, player.kind, player.country, player.home),
            player.offices,
            (Key("director", "director", sandbox.key(player).public, 0,
                 now + _KEY_DAYS * MS_PER_DAY),),
            rules,
        )
        for player in sandbox.players
    )  # fmt: skip
    today = now // MS_PER_DAY
    return application_genesis(Calendar("sandbox-1", (5, 6), (), today + _CALENDAR_DAYS), parties)


@click.group(NAME, cls=output.Group)
def sandbox() -> None:
    """A small real ledger on this machine to try every command on, as anybody."""


@sandbox.command()
@click.argument("folder", type=_FOLDER, metavar="DIR")
@output.json_option
def start(folder: Path) -> None:
    """Start four nodes with data in DIR, and make profile `sandbox` the default.

    Then `iic wallet balance --as "Ural Gear Works"` and every command of the guides.
    """
    folder = folder.resolve()  # nodes are found again by their homes
    if folder.exists() and any(folder.iterdir()):
        raise Failure("FILE_EXISTS", f"{folder} is not empty; choose another", Exit.LOCAL)
    folder.mkdir(parents=True, exist_ok=True)
    played = read(sandbox_file())
    guarantors = [(state, played.holder(Role.GUARANTOR, state)) for state in played.states]
    cluster = LocalCluster.prepare(
        folder,
        [(f"guarantor-{state.lower()}", player.lei, state) for state, player in guarantors],
        application(played, time.time_ns() // 1_000_000),
        network=played.network,
        pacing={"heartbeat": 1_000},
    )
    try:
        cluster.start(attached=False)
        mark = {"pids": {str(node.home.path.resolve()): node.pid for node in cluster.nodes}}
        write_private(folder / MARK, (json.dumps(mark) + "\n").encode(), exclusive=False)
        cluster.wait_for_height(1)
        with Client(cluster.urls) as client:
            _fund(client, cluster.genesis.chain_id, played)
    except BaseException:
        cluster.stop()
        raise
    _hand_over(played, cluster, folder)
    output.emit(
        {"urls": list(cluster.urls), "genesis": str(cluster.genesis_file), "profile": NAME},
        lambda: output.done(
            f"{len(cluster.nodes)} nodes run, {len(played.players)} parties are members; "
            f"try: iic wallet parties; end it with: iic sandbox stop {folder}"
        ),
    )


@sandbox.command()
@click.argument("folder", type=_FOLDER, metavar="DIR")
@output.json_option
def stop(folder: Path) -> None:
    """Stop the nodes of the sandbox in DIR and remove its profile. The data stay."""
    if not (folder / MARK).is_file():
        raise Failure("NO_SANDBOX_THERE", f"{folder} holds no sandbox", Exit.LOCAL)
    pids = json.loads((folder / MARK).read_text(encoding="utf-8"))["pids"]
    ended = sum(_end(home, pid) for home, pid in pids.items())
    profile.remove(NAME)
    output.emit({"stopped": ended}, lambda: output.done(f"{ended} nodes stopped"))


def _end(home: str, pid: int) -> bool:
    """End a node; only a process that runs with this home is touched."""
    command = Path(f"/proc/{pid}/cmdline")

    def runs() -> bool:
        return command.exists() and os.fsencode(home) in command.read_bytes()

    if not runs():
        return False
    os.kill(pid, signal.SIGTERM)
    while runs():
        time.sleep(0.02)
    return True


def sandbox_file() -> Path:
    """The sandbox's cast, in the repository or in an installed package."""
    root = Path(cli.__file__).parent
    for folder in (root.parent / "scenarios", root / "scenarios"):
        if (folder / "sandbox.toml").is_file():
            return folder / "sandbox.toml"
    raise Failure("NOT_INSTALLED", "the sandbox's file is not installed", Exit.LOCAL)


def _fund(client: Client, chain_id: bytes, played: Sandbox) -> None:
    """Attest reserves, issue everybody's money, and let guarantors post what they promise with."""
    paper = hashlib.sha256(b"reserve").digest()

    def send(entries: Sequence[tuple[Player, Operation, tuple[Player, ...]]]) -> list[bytes]:
        wires, ids = [], []
        for author, op, signers in entries:
            content = Transaction(
                chain_id,
                author.lei,
                (write_operation(op),),
                time.time_ns() // 1_000_000 + _VALID_MS,
                "",
                os.urandom(limits.SALT_BYTES),
            )
            signed = build(content)
            for signer in (author, *signers):
                signed = signed.with_signature(chain_id, played.key(signer))
            wires.append(encode(signed))
            ids.append(transaction_id(chain_id, signed.content))
        for answer in client.submit(wires, wait_s=30.0):
            error = refusal(answer)
            if error is not None:
                raise error
        return ids

    issuers = {state: played.holder(Role.ISSUER, state) for state in played.states}
    guarantors = {state: played.holder(Role.GUARANTOR, state) for state in played.states}
    send([
        (issuers[s], AttestReserve(s, played.reserve, paper), (guarantors[s],))
        for s in played.states
    ])  # fmt: skip
    funded = [p for p in played.players if p.money]
    asked = send([(p, RequestIssue(p.home, p.money), ()) for p in funded])
    requests = [_issue_of(client, identity) for identity in asked]
    send([
        (issuers[p.home], Issue(issue, paper), ())
        for p, issue in zip(funded, requests, strict=True)
    ])  # fmt: skip
    send([(g, PostCapacity(_CAPACITY, paper), ()) for g in guarantors.values()])
    send([(g, PostCollateral(_COLLATERAL // 2), ()) for g in guarantors.values()])


def _issue_of(client: Client, identity: bytes) -> bytes:
    """The id that the ledger gave a request for money."""
    receipt = client.do(calls.transaction(identity)).receipt
    assert receipt is not None, "the request is final"
    return bytes.fromhex(next(e.fields["issue"] for e in receipt.events if "issue" in e.fields))


def _hand_over(played: Sandbox, cluster: LocalCluster, folder: Path) -> None:
    password = folder / "sandbox.password"
    write_private(password, f"{PASSWORD}\n".encode(), exclusive=False)
    keystore = folder / "sandbox.keystore"
    keys = {player.slug: played.key(player) for player in played.players}
    Keystore.create(keystore, PASSWORD, keys, label="SANDBOX KEYS of everybody", kdf=_CHEAP)
    profile.save(
        profile.Profile(
            NAME,
            cluster.urls,
            cluster.genesis_file.resolve(),
            "",
            keystore.resolve(),
            password.resolve(),
            "the sandbox, as anybody",
        )
    )
    profile.use(NAME)
