"""A follower as a process: its store, its peers, the API and the explorer over what is verified."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import NamedTuple

from prometheus_client import CollectorRegistry

from contracts.genesis import readable
from contracts.verifier import Verifier
from ledger.block import Header
from ledger.errors import CodedError
from ledger.evidence import DoubleVote
from ledger.genesis import Genesis
from ledger.genesis import load as load_genesis
from ledger.receipt import read_receipt
from ledger.store.chain import Store
from ledger.store.disk import open_store
from node import description
from node.api.handle import Description, Peer, RaisedAlarm, Submission, Watch
from node.api.settings import ApiSettings
from node.config import Home
from node.errors import NOT_CONFIRMED, READ_ONLY
from node.explorer.settings import ExplorerSettings
from node.follower.alarms import AlarmBook
from node.follower.follow import Follower
from node.follower.metrics import FollowerMetrics
from node.follower.peer import Peer as Followed
from node.follower.source import Source, connections
from node.logs import logger
from node.runner import wall_clock_ms
from node.server import ApiServer
from node.verify.pool import VerifyPool

_log = logger("follower")

ALARMS = "alarms.jsonl"
SHOWN_ALARMS = 5
"""So many of the newest alarms are in the banner of every page."""


class FollowerConfig(NamedTuple):
    """How a follower runs: its folder, the genesis file, its peers' APIs, where its own is served
    (empty: nowhere), how many verification processes (0: by the number of processors)."""

    home: Path
    genesis: Path
    peers: Sequence[str]
    api: str = ""
    workers: int = 0
    once: bool = False
    """End as soon as everything that the peers have to show is verified and compared."""
    stop_on_alarm: bool = False


class Outcome(NamedTuple):
    """How a run ended: alarms of this run and of earlier ones, and what the peers were."""

    new_alarms: tuple[RaisedAlarm, ...]
    description: Description
    watch: Watch
    head: Header
    reached: bool
    """Whether any peer of this ledger answered."""
    withheld: int
    """How many blocks peers claim and none of them shows; one may be final through a later one."""


class FollowerService:
    """Implements :class:`node.api.handle.NodeHandle`. Make it on the event loop that it runs on.

    Raises ``BAD_GENESIS``, ``STORE_LOCKED``, ``STORE_CORRUPT``, ``STORE_FULL`` or ``OSError``.
    """

    def __init__(self, config: FollowerConfig) -> None:
        self._config = config
        self._genesis = load_genesis(config.genesis, readable)
        self._genesis_file = config.genesis.read_bytes()
        home = Home(config.home)
        home.ledger.mkdir(parents=True, exist_ok=True)
        self._store = open_store(home.ledger)
        try:
            verifier = Verifier(self._genesis, self._store)
            self._book = AlarmBook(config.home / ALARMS)
        except BaseException:
            self._store.close()
            raise
        self._measured = FollowerMetrics()
        self._measured.height.set(verifier.head.height)
        self._http = connections()
        self._pool = VerifyPool(self._genesis.chain_id, config.workers or None)
        self._follower = Follower(
            verifier,
            self._store,
            [Followed(n, Source(url, self._http)) for n, url in enumerate(config.peers)],
            self._pool,
            self._book,
            self._measured,
            self,
        )
        self._grown = asyncio.Event()
        self._stopping = asyncio.Event()
        self._new: list[RaisedAlarm] = []
        self._started_ms = wall_clock_ms()

    # life ---------------------------------------------------------------------------------------
    async def run(self) -> Outcome:
        """Follow until a signal, :meth:`stop`, or the end that the configuration asks for.

        Raises ``OSError`` if the API's address cannot be had, and a coded error or ``OSError`` for
        trouble of this machine: nothing of the ledger is to blame for it.
        """
        loop = asyncio.get_running_loop()
        async with AsyncExitStack() as stack:
            stack.callback(self._store.close)
            stack.push_async_callback(self._http.aclose)
            stack.push_async_callback(self._pool.close)
            stack.push_async_callback(self._follower.close)
            if self._config.api:
                explorer = ExplorerSettings(folder=self._config.home / "data" / "explorer")
                server = ApiServer(self, self._config.api, ApiSettings(), explorer)
                await server.start()
                stack.push_async_callback(server.close)
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, self.stop)
            self._pool.start()
            _log.info(
                "follower started",
                ledger=self.chain_id.hex()[:16],
                height=self.head().height,
                peers=list(self._config.peers),
                api=self._config.api or None,
            )
            await self._follow()
            return self._outcome()

    async def _follow(self) -> None:
        following = asyncio.create_task(self._follower.run())
        ends: list[asyncio.Task[object]] = [asyncio.create_task(self._stopping.wait())]
        if self._config.once:
            ends.append(asyncio.create_task(self._follower.settled()))
        try:
            await asyncio.wait([following, *ends], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (following, *ends):
                task.cancel()
            await asyncio.gather(*ends, return_exceptions=True)
            with suppress(asyncio.CancelledError):
                await _first_error(following)

    def stop(self) -> None:
        """End :meth:`run`."""
        self._stopping.set()

    def _outcome(self) -> Outcome:
        return Outcome(
            tuple(self._new),
            self.describe(),
            self._follower.watch,
            self.head(),
            any(p.heard_ms is not None and not p.foreign for p in self._follower.peers),
            self._follower.withheld,
        )

    # what the follower tells (node.follower.follow.Outside) -------------------------------------
    def committed(self, header: Header) -> None:
        """A block is verified and durable."""
        self._grown.set()
        self._grown = asyncio.Event()
        lag = self._follower.lag
        log = _log.info if not lag or header.height % 1_000 == 0 else _log.debug
        log(
            "block verified",
            height=header.height,
            transactions=header.transactions,
            state=header.state_root.hex()[:16],
            lag=lag,
        )

    def alarmed(self, alarm: RaisedAlarm) -> None:
        """An alarm was raised."""
        self._new.append(alarm)
        if self._config.stop_on_alarm:
            self.stop()

    # what the API sees (node.api.handle.NodeHandle) ---------------------------------------------
    @property
    def genesis(self) -> Genesis:
        """The genesis document."""
        return self._genesis

    @property
    def genesis_file(self) -> bytes:
        """The genesis file as the auditor gave it."""
        return self._genesis_file

    @property
    def chain_id(self) -> bytes:
        """The ledger's name."""
        return self._genesis.chain_id

    @property
    def index(self) -> int | None:
        """None: a follower has no vote."""
        return None

    @property
    def store(self) -> Store:
        """What was verified."""
        return self._store

    @property
    def metrics(self) -> CollectorRegistry:
        """What ``/metrics`` renders."""
        return self._measured.registry

    @property
    def alarms(self) -> Sequence[RaisedAlarm]:
        """Every alarm since this follower's folder was made."""
        return tuple(self._book.alarms)

    @property
    def evidence(self) -> Sequence[DoubleVote]:
        """Verified evidence against guarantors."""
        return tuple(self._book.evidence)

    @property
    def watch(self) -> Watch | None:
        """What was checked since the start."""
        return self._follower.watch

    async def submit(self, wires: Sequence[bytes]) -> list[Submission]:
        """A follower takes no transactions: raises ``READ_ONLY``."""
        raise CodedError(READ_ONLY, "submit transactions to a guarantor's node")

    def status(self, transaction_id: bytes) -> Submission:
        """What the verified ledger says of a transaction."""
        place = self._store.find_transaction(transaction_id)
        row = None if place is None else self._store.row(*place)
        if place is None or row is None:
            return Submission(transaction_id, "unknown")
        receipt = read_receipt(row.receipt)
        told = (*place, receipt.code, receipt.reason, receipt.field)
        return Submission(transaction_id, "final" if receipt.applied else "refused", *told)

    def head(self) -> Header:
        """The newest verified header."""
        return self._follower.verifier.head

    async def confirm(self) -> None:
        """A follower is always behind those whom it verifies."""
        raise CodedError(
            NOT_CONFIRMED, "a follower takes no part in deciding; ask a guarantor's node"
        )

    async def wait_for_height(self, height: int) -> None:
        """Return as soon as block ``height`` is verified."""
        while self.head().height < height:
            await self._grown.wait()

    def describe(self) -> Description:
        """What the follower is doing and why it waits."""
        head, validators = self.head(), self._follower.verifier.validators
        why = self._not_ready()
        return Description(
            version=description.version(),
            name="follower",
            role="follower",
            index=None,
            view=head.view,
            epoch=validators.epoch,
            leader=None,
            waiting_for=self._waiting_for(),
            validators=validators.size,
            quorum=validators.quorum,
            reachable=sum(p.reachable for p in self._follower.peers),
            started_ms=self._started_ms,
            peers=[self._peer(p) for p in self._follower.peers],
            pending_transactions=0,
            pending_bytes=0,
            syncing=bool(self._follower.lag) and not self._follower.frozen,
            alarms=self._banner(),
            not_ready=why,
        )

    def _banner(self) -> list[str]:
        alarms = self._book.alarms
        frozen = self._follower.frozen
        told = [f"Nothing after block {self.head().height} is verified: {frozen}"] if frozen else []
        told += [a.text for a in reversed(alarms[-SHOWN_ALARMS:]) if a.text != frozen]
        if len(alarms) > SHOWN_ALARMS:
            told.append(f"{len(alarms)} alarms in all, the first in block {alarms[0].block}")
        return told

    def _waiting_for(self) -> str:
        follower = self._follower
        if follower.frozen:
            return "an auditor: a violation was found, and nothing after it is verified"
        if not any(p.reachable for p in follower.peers):
            return "a peer: none of those that are followed answers"
        if follower.lag:
            return f"blocks {self.head().height + 1} to {follower.highest}, being verified"
        if follower.withheld > 1:
            return (
                f"a peer that shows block {self.head().height + 1}: those that answer claim "
                f"{follower.withheld} more and show none (has it been pruned there?)"
            )
        return ""

    def _not_ready(self) -> str:
        follower = self._follower
        stuck = follower.frozen or not any(p.reachable for p in follower.peers)
        if stuck or follower.lag > 1 or follower.withheld > 1:
            return f"the follower waits for {self._waiting_for()}"
        return ""

    def _peer(self, peer: Followed) -> Peer:
        """A peer; one that bears a validator's name is shown as that, by its own words."""
        height = peer.height if peer.height >= 0 else None
        validators = self._follower.verifier.validators.validators
        index = next((n for n, v in enumerate(validators) if v.name == peer.name), -1 - peer.number)
        return Peer(
            index=index,
            name=peer.name or peer.url,
            party=validators[index].party if index >= 0 else "",
            address=peer.url,
            reachable=peer.reachable,
            height=height,
            lag=None if height is None else max(0, self.head().height - height),
            last_seen_ms=peer.heard_ms,
        )


async def _first_error(following: asyncio.Task[None]) -> None:
    """Raise what ended the following, as it was raised where it happened."""
    try:
        await following
    except BaseExceptionGroup as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        raise error from group
