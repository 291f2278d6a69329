"""Joining by a snapshot as a real node: peers, clock and disk around :mod:`node.joining.join`.

It runs instead of the service, before it: nothing is voted or served meanwhile. What was verified
is on disk in runs, so a node killed at any moment goes on where it was; the new store takes the
ledger's place by one rename, after everything in it is durable.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

from contracts.verifier import validators_after
from ledger import keys
from ledger.errors import BAD_SNAPSHOT, STORE_FULL, CodedError
from ledger.genesis import Genesis
from ledger.state import MemoryMap, State
from ledger.store.chain import Chain
from ledger.store.disk import open_store
from ledger.store.files import FULL
from ledger.store.snapshots import first_needed
from ledger.store.staging import Staging
from node import continuity, identity
from node.config import Home, NodeConfig
from node.errors import JOIN_FAILED
from node.founding import read_genesis
from node.identity import NodeIdentity
from node.joining import swap
from node.joining.join import Begin, Done, Effect, GaveUp, Join, Keep, Lied, Send
from node.joining.taking import window_of
from node.logs import logger
from node.messages import JoiningMessage, PartAnswer, decode_message, encode_message
from node.metrics import NodeMetrics
from node.network.peers import Peers, Self
from node.network.roster import Roster
from node.opening import in_force, roster_of

_log = logger("join")
_TICK_S = 0.25
_TELL_S = 5.0


class Joined(NamedTuple):
    """What was joined from: the height, the lowest block with its rows, seconds and bytes."""

    height: int
    base: int
    seconds: float
    received: int


async def join(
    home: Home,
    config: NodeConfig,
    *,
    least_ahead: int,
    password: bytes | None = None,
    metrics: NodeMetrics | None = None,
) -> Joined:
    """Join by a snapshot at least ``least_ahead`` blocks above the own newest one.

    Raises ``JOIN_FAILED`` if none can be had (the store then is as it was), and what
    :func:`node.opening.open_node` raises.
    """
    swap.finish(home)
    genesis = read_genesis(home)
    identities = tuple(
        identity.load(home.path, password, folder) for folder in identity.folders(home.path)
    )
    height, keys_, roster = _standing(home, config, genesis, identities)
    continuity.require_votes(home)
    others = sum(e.peer >= 0 and e.certificate != keys_.certificate for e in roster.entries)
    least = height + least_ahead
    session = _Session(home, config, genesis, metrics or NodeMetrics(), least, others)
    this = Self(genesis.chain_id, keys_.vote_key, keys_.certificate, keys_.tls)
    return await session.run(this, roster)


def _standing(
    home: Home, config: NodeConfig, genesis: Genesis, identities: tuple[NodeIdentity, ...]
) -> tuple[int, NodeIdentity, Roster]:
    """The own newest height (0 without a store), and there the keys in force and the peers."""
    if not (home.ledger / "data.mdb").is_file():
        keys_ = in_force(identities, genesis.validators, State(MemoryMap({})))
        return 0, keys_, roster_of(config, genesis.validators)
    store = open_store(home.ledger)
    try:
        head, state = store.head, State(store)
        validators = genesis.validators if head is None else validators_after(store, head)
        keys_ = in_force(identities, validators, state)
        return 0 if head is None else head.height, keys_, roster_of(config, validators, state)
    finally:
        store.close()


class _Session:
    """One attempt. Implements :class:`node.network.peers.Sink`."""

    def __init__(
        self,
        home: Home,
        config: NodeConfig,
        genesis: Genesis,
        metrics: NodeMetrics,
        least: int,
        expected: int,
    ) -> None:
        self._home = home
        self._config = config
        self._genesis = genesis
        self._metrics = metrics
        self._staging = Staging(home.staging)
        self._join = Join(
            genesis,
            keys.verify,
            least=least,
            expected=expected,
            staged=self._staging.manifest,
            done=self._staging.done,
            now=_now(),
        )
        self._names: dict[int, str] = {}
        self._received = 0
        self._peers: Peers
        self._end: asyncio.Future[Done | GaveUp] = asyncio.get_running_loop().create_future()

    async def run(self, this: Self, roster: Roster) -> Joined:
        began = time.monotonic()
        self._names = {entry.peer: entry.name for entry in roster.entries}
        self._peers = Peers(this, roster, self, self._metrics)
        await self._peers.start(self._config.listen)
        ticks = asyncio.get_running_loop().create_task(self._tick())
        _log.info("joining by a snapshot", parts_here=len(self._staging.done))
        try:
            end = await self._end
        finally:
            ticks.cancel()
            with suppress(asyncio.CancelledError):
                await ticks
            await self._peers.close()
            with suppress(OSError):  # on a full disk only the newest parts are lost
                self._staging.flush()
        if isinstance(end, GaveUp):
            raise CodedError(JOIN_FAILED, end.reason)
        try:
            await asyncio.to_thread(self._build, end)
        except OSError as error:
            raise _of_disk(error, self._home) from error
        manifest = end.outline.manifest
        seconds = time.monotonic() - began
        _log.info(
            "joined by a snapshot",
            height=manifest.header.height,
            rows_from=manifest.first,
            seconds=round(seconds, 1),
            bytes=self._received,
        )
        return Joined(manifest.header.height, manifest.first, seconds, self._received)

    def _build(self, end: Done) -> None:
        head = end.outline.header

        def accept(chain: Chain) -> None:
            if first_needed(chain, head, window_of(chain)) < chain.base:
                raise CodedError(
                    BAD_SNAPSHOT,
                    f"it leaves out blocks below {chain.base} of which transactions could be sent "
                    "again",
                )

        try:
            self._staging.build(self._home.joined, end.outline, self._genesis, accept)
        except CodedError as error:
            self._staging.clear()
            if error.code is BAD_SNAPSHOT:
                self._lied(self._join.origin, f"the manifest: {error.message}")
                raise CodedError(JOIN_FAILED, error.message) from None
            raise
        swap.finish(self._home)
        self._staging.clear()

    # peers (node.network.peers.Sink) ------------------------------------------------------------
    def peer_up(self, peer: int) -> None:
        """A peer is connected."""
        self._carry_out(self._join.peer_up(peer, _now()))

    def peer_down(self, peer: int) -> None:
        """A peer is gone."""
        self._carry_out(self._join.peer_down(peer, _now()))

    @property
    def has_room(self) -> bool:
        """A newcomer has asked for whatever comes."""
        return True

    def received(self, peer: int, kind: int, payload: bytes) -> None:
        """A message; what consensus says is not for a node that joins."""
        message = decode_message(kind, payload)
        if isinstance(message, JoiningMessage):
            if isinstance(message, PartAnswer):
                self._received += len(payload)
                self._metrics.join_bytes.labels(self._name(peer)).inc(len(payload))
            self._carry_out(self._join.received(peer, message, _now()))

    async def _tick(self) -> None:
        told = time.monotonic()
        while True:
            await asyncio.sleep(_TICK_S)
            self._carry_out(self._join.tick(_now()))
            if time.monotonic() - told >= _TELL_S:
                told = time.monotonic()
                have, of = self._join.progress
                _log.info("joining", parts=have, of=of, bytes=self._received)

    def _carry_out(self, effects: Iterable[Effect]) -> None:
        try:
            for effect in effects:
                self._do(effect)
        except (CodedError, OSError) as error:  # the disk
            if not self._end.done():
                self._end.set_exception(_of_disk(error, self._home))

    def _do(self, effect: Effect) -> None:
        match effect:
            case Send(peer, message):
                self._peers.send(peer, *encode_message(message))
            case Begin(manifest):
                self._staging.begin(manifest)
            case Keep(part, records):
                self._staging.add(part, records)
                self._metrics.join_parts.set(len(self._staging.done))
            case Lied(peer, text):
                self._lied(peer, text)
            case Done() | GaveUp():
                if not self._end.done():
                    self._end.set_result(effect)

    def _lied(self, peer: int, text: str) -> None:
        self._metrics.join_lies.labels(self._name(peer)).inc()
        self._metrics.alarms.labels(BAD_SNAPSHOT.name).inc()
        _log.error("a peer's snapshot is false", peer=self._name(peer), what=text)

    def _name(self, peer: int) -> str:
        return self._names.get(peer, str(peer))


def _of_disk(error: CodedError | OSError, home: Home) -> CodedError | OSError:
    """A full disk in the words of one; anything else as it is."""
    if isinstance(error, OSError) and error.errno in FULL:
        return CodedError(
            STORE_FULL,
            f"no space left to write {home.staging}; what was verified is kept. "
            "Free disk space or raise the quota, then join again",
        )
    return error


def _now() -> int:
    return time.monotonic_ns() // 1_000_000
