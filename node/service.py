"""One node as a process: peers, workers, disk, clock and API around the replica.

The service owns the event loop. Peers, timers, workers and clients become events of the replica,
its effects go through :mod:`node.runner`. It implements the API's :class:`node.api.handle
.NodeHandle` and stops by itself when a durable write fails or the replica raises a fatal alarm.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections import deque
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry

from contracts.framework.protocol import is_known
from contracts.governance.views import protocol_ahead
from contracts.validators.records import IN_OFFICE, NODE
from contracts.validators.views import nodes
from contracts.verifier import validators_after
from ledger.block import Header
from ledger.errors import BAD_SNAPSHOT, CodedError
from ledger.evidence import DoubleVote
from ledger.genesis import Genesis
from ledger.snapshot import read_manifest
from ledger.state import State
from ledger.store.interface import BlockCommit, ChainStore
from ledger.store.lmdb_environment import LmdbEnvironment
from ledger.validators import ValidatorSet
from node import continuity, description, limits
from node.api.handle import Description, RaisedAlarm, Submission, Watch
from node.certificate import expiry_ms
from node.confirming import Question, Questions
from node.errors import (
    BUSY,
    FAR_BEHIND,
    HALTED,
    NOT_CONFIRMED,
    NOT_READY,
    VOTES_FORGOTTEN,
    Busy,
)
from node.joining.serving import SnapshotServer
from node.joining.taker import SnapshotTaker
from node.logs import logger
from node.messages import (
    Message,
    PartAnswer,
    PartRequest,
    SnapshotOffer,
    SnapshotRequest,
    Standing,
    StandingRequest,
    Status,
    Voucher,
    VoucherRequest,
    decode_message,
    encode_message,
)
from node.metrics import NodeMetrics
from node.network.peers import Peers, Self
from node.network.roster import Roster
from node.opening import OpenNode, roster_of
from node.replica.effects import Alarm, Answer, Check
from node.replica.effects import Submission as Known
from node.replica.events import Checked, MayVote, PeerDown, PeerUp, Received, Submitted, Verdict
from node.replica.replica import Replica
from node.runner import Runner, wall_clock_ms
from node.verify.pool import VerifyPool
from node.voice import YIELDED, Voice
from node.votelog import logged
from node.vouching import voucher

if TYPE_CHECKING:
    from node.server import ApiServer

_log = logger("node")


class Service:
    """A running node. Make it on the event loop that it runs on; :meth:`run` is its life."""

    def __init__(
        self, opened: OpenNode, metrics: NodeMetrics | None = None, *, may_join: bool = False
    ) -> None:
        self._opened = opened
        self._config = opened.config
        self._measured = metrics or NodeMetrics()
        self._may_join = may_join
        self._asked_for_snapshot: set[int] = set()
        self._started_ms = wall_clock_ms()
        self._voice = Voice(opened, self._started_ms)
        self._replica = Replica(
            self._voice.among(validators_after(opened.store, self.head())),
            opened.genesis.chain_id,
            opened.store,
            opened.journal.load(),
            opened.journal.next_sequence,
            self._config.replica,
            abstain_below=opened.abstain_below,
            who=self._voice.among,
        )
        journal = logged(opened) if opened.config.vote_log else opened.journal
        self._runner = Runner(self._replica, journal, opened.store, self, self._measured)
        self._pool = VerifyPool(opened.genesis.chain_id, self._config.workers or None)
        self._peers = Peers(self._this(), self._roster(), self, self._measured)
        self._snapshots = SnapshotServer(opened.home.snapshots, opened.store, self.send)
        self._taker = SnapshotTaker(opened.home, self._config.snapshot_blocks, self._measured)
        self._stopping = asyncio.Event()
        self._reason: CodedError | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._requests: dict[int, asyncio.Future[tuple[Known, ...]]] = {}
        self._request_numbers = 0
        self._questions = Questions(limits.CONFIRMATIONS)
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []
        self._final_ms: int | None = None
        self._seen_restarts = 0
        self._warned_day = 0
        self._told_reader = 0
        self._alarms: deque[RaisedAlarm] = deque(maxlen=limits.ALARMS_KEPT)
        self._alarms_raised = 0

    # life -------------------------------------------------------------------------------------
    async def run(self, until_closed: int | None = None) -> CodedError | None:
        """Run until a signal or :meth:`stop`; returns why it stopped by itself, if it did.

        ``until_closed`` is a file descriptor whose end also stops the node: the pipe to a parent.
        Raises ``OSError`` if an address cannot be bound.
        """
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._close)
            host, port = await self._peers.start(self._config.listen)
            self._pool.start()
            server = await self._serve_api()
            if server is not None:
                stack.push_async_callback(server.close)
            self._catch_signals(until_closed)
            self._spawn(self._probe())
            head = self.head()
            _log.info(
                "node started",
                node=self._config.name,
                role="observer" if self.index is None else f"validator {self.index}",
                ledger=self.chain_id.hex()[:16],
                height=head.height,
                peers_at=f"{host}:{port}",
                api=self._config.api or None,
            )
            gc.collect()
            gc.freeze()  # what is loaded by now stays: the collector need not walk it again
            gc.set_threshold(*limits.GC_THRESHOLDS)
            doubt = continuity.reason_for_doubt(self._opened.home)
            if doubt:
                text = f"{doubt}; this node observes, and votes again only after: iic node activate"
                self.alarm(Alarm("RESTORED", text))
            if self._voice.has_yielded(self._replica.validators.epoch):
                self.alarm(Alarm("RECOVERING", f"{YIELDED}: iic recovery apply"))
            self._runner.start()
            if self._voice.is_vouched_for:  # a ledger of one guarantor
                self._take_part()
            self._look_for_upgrade()
            await self._stopping.wait()
            _log.info("node stopping", height=self.head().height)
        return self._reason

    def _take_part(self) -> None:
        """Enter consensus: so many peers vouch that a quorum is there."""
        self._voice.enter(self._replica.validators.epoch)
        self._runner.tell(MayVote())

    def _vouch(self, peer: int) -> None:
        """Tell a peer what this node holds of its votes."""
        validators = self._replica.validators
        if 0 <= peer < validators.size:
            held = self._replica.core.votes_of(peer)
            self.send(peer, voucher(self._opened.store, validators, peer, held))

    def _vouched(self, peer: int, message: Voucher) -> None:
        validators = self._replica.validators
        if not 0 <= peer < validators.size:
            return
        against = self._voice.hear(peer, validators.validators[peer].name, message)
        if against:
            self._measured.alarms.labels(VOTES_FORGOTTEN.name).inc()
            _log.error("votes were forgotten", reason=against)
            self.stop(CodedError(VOTES_FORGOTTEN, against))
        elif self._voice.is_vouched_for:
            self._take_part()

    def stop(self, reason: CodedError | None = None) -> None:
        """End :meth:`run`."""
        if not self._stopping.is_set():
            self._reason = reason
            self._stopping.set()

    async def _close(self) -> None:
        for task in self._tasks:
            task.cancel()
        for future in self._requests.values():
            future.cancel()
        await self._runner.close()
        await self._taker.close()
        await self._snapshots.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(limits.STOP_SECONDS):
                await self._peers.close()
                await self._pool.close()
        self._opened.close()

    async def _serve_api(self) -> ApiServer | None:
        if not self._config.api:
            return None
        from node.explorer.settings import ExplorerSettings  # noqa: PLC0415
        from node.server import ApiServer  # noqa: PLC0415  # only a node that serves pays for it

        explorer = ExplorerSettings(self._config.explorer, self._opened.home.explorer)
        server = ApiServer(self, self._config.api, self._config.api_settings, explorer)
        await server.start()
        return server

    def _catch_signals(self, until_closed: int | None) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        if until_closed is not None:
            loop.add_reader(until_closed, self._read_parent, until_closed)

    def _read_parent(self, pipe: int) -> None:
        if not os.read(pipe, 4096):
            asyncio.get_running_loop().remove_reader(pipe)
            self.stop()

    async def _probe(self) -> None:
        """Measure the loop's own lag, and queues that change without an event."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + limits.LAG_PROBE_SECONDS
            await asyncio.sleep(limits.LAG_PROBE_SECONDS)
            self._measured.loop_lag.set(max(0.0, loop.time() - due))
            self._measured.checks_waiting.set(self._pool.waiting)
            self._measured.view.set(self._replica.core.view)
            await asyncio.to_thread(self._voice.load_new_keys)
            self._watch_readers()
            died = self._pool.restarts - self._seen_restarts
            if died:
                self._measured.worker_restarts.inc(died)
                self._seen_restarts = self._pool.restarts

    def _consider_joining(self, peer: int, message: Message) -> None:
        """Ask a peer that says it is far ahead for its snapshot; one that verifies is the proof."""
        far = self.head().height + self._config.snapshot_ahead
        match message:
            case Status(height, _) if height >= far and peer not in self._asked_for_snapshot:
                self._asked_for_snapshot.add(peer)
                self.send(peer, SnapshotRequest(0))
            case SnapshotOffer(manifest) if manifest:
                try:
                    outline = read_manifest(manifest, self.genesis)
                except CodedError as error:
                    name = self._replica.validators.validators[peer].name if peer >= 0 else peer
                    self.alarm(Alarm(BAD_SNAPSHOT.name, f"{name}: {error.message}"))
                    return
                if outline.header.height >= far:
                    height = outline.header.height
                    self.stop(CodedError(FAR_BEHIND, f"a snapshot of block {height} is there"))

    def _watch_readers(self) -> None:
        """Tell once of a process that keeps the store's pages from being used again."""
        environment = self._opened.store.environment
        if not isinstance(environment, LmdbEnvironment):
            return
        pid, lag = environment.oldest_reader() or (0, 0)
        self._measured.reader_lag.set(lag)
        if lag < limits.READER_LAG_COMMITS:
            self._told_reader = 0
        elif pid != self._told_reader:
            self._told_reader = pid
            _log.warning("a process holds an old state of the store open", pid=pid, commits=lag)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            raise_in_loop = asyncio.get_running_loop().call_exception_handler
            raise_in_loop({"message": "a task of the node failed", "exception": task.exception()})

    def _roster(self) -> Roster:
        state = State(self._opened.store)
        return roster_of(self._config, self._replica.validators, state)

    def _this(self) -> Self:
        keys = self._voice.keys
        return Self(self.chain_id, keys.vote_key, keys.certificate, keys.tls)

    # what the API sees (node.api.handle.NodeHandle) -------------------------------------------
    @property
    def genesis(self) -> Genesis:
        """The genesis document."""
        return self._opened.genesis

    @property
    def genesis_file(self) -> bytes:
        """The genesis file as the node was given it."""
        return self._opened.home.genesis.read_bytes()

    @property
    def chain_id(self) -> bytes:
        """The ledger's name."""
        return self._opened.genesis.chain_id

    @property
    def index(self) -> int | None:
        """This node's position in the validator set; None for an observer."""
        return self._replica.identity.index

    @property
    def store(self) -> ChainStore:
        """Committed state."""
        return self._opened.store

    @property
    def metrics(self) -> CollectorRegistry:
        """What ``/metrics`` renders."""
        return self._measured.registry

    async def submit(self, wires: Sequence[bytes]) -> list[Submission]:
        """Check, admit and share transactions; see the protocol."""
        if len(self._requests) >= limits.SUBMISSION_REQUESTS:
            raise Busy("too many submissions wait for their answer")
        if not self.has_room:
            raise Busy("the node's disk is behind")
        if self._runner.stopped:
            raise CodedError(NOT_READY, "the node is stopping")
        if self._voice.is_awaited:
            reasons = self._voice.waiting_for(self._replica.validators.epoch)
            raise CodedError(NOT_READY, f"the node waits for {'; '.join(reasons)}")
        self._request_numbers += 1
        number = self._request_numbers
        answer: asyncio.Future[tuple[Known, ...]] = asyncio.get_running_loop().create_future()
        self._requests[number] = answer
        try:
            self._runner.tell(Submitted(number, tuple(wires)))
            async with asyncio.timeout(limits.SUBMISSION_SECONDS):
                known = await answer
        except TimeoutError:
            raise Busy("the node did not get to these transactions in time") from None
        finally:
            del self._requests[number]
        _raise_if_none_was_taken(known)
        return [_to_api(one) for one in known]

    def status(self, transaction_id: bytes) -> Submission:
        """What is known of a transaction now."""
        return _to_api(self._replica.status(transaction_id))

    def head(self) -> Header:
        """The newest committed header."""
        head = self._opened.store.head
        assert head is not None, "an open node has block 0"
        return head

    async def wait_for_height(self, height: int) -> None:
        """Return as soon as block ``height`` is committed."""
        if self.head().height >= height:
            return
        reached: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (height, reached)
        self._waiters.append(entry)
        try:
            await reached
        finally:
            with suppress(ValueError):
                self._waiters.remove(entry)

    async def confirm(self) -> None:
        """Return once this node knows all that anybody was told before (:mod:`node.confirming`)."""
        if self._questions.is_full:
            raise Busy("too many consistent reads wait for their confirmation")
        try:
            async with asyncio.timeout(limits.CONFIRMATION_SECONDS):
                while not await self._confirmed():
                    pass  # other guarantors decide by now: ask those
        except TimeoutError:
            raise CodedError(
                NOT_CONFIRMED,
                "no quorum of guarantors confirmed in time that this node knows all that is final",
            ) from None

    async def _confirmed(self) -> bool:
        """Ask once and wait for what was learned; False if the epoch has changed meanwhile."""
        validators = self._replica.validators
        question = Question(self.chain_id, validators, self.head().view, self._own_standing())

        def send(number: int) -> None:
            for peer in sorted(self._peers.connected):
                if 0 <= peer < validators.size:
                    self.send(peer, StandingRequest(number))

        view = await self._questions.ask(question, send)
        while self.head().view < view:
            await self.wait_for_height(self.head().height + 1)
        return question.epoch == self._replica.validators.epoch

    def _own_standing(self) -> tuple[int, int] | None:
        """This node's number and view, if it votes."""
        number = self._replica.identity.index
        if number is None or self._voice.is_awaited:
            return None
        return number, self._replica.core.view

    def _say_standing(self, peer: int, request: StandingRequest) -> None:
        """Tell a peer in which view this node is."""
        own = self._own_standing()
        if own is None:
            return
        _, view = own
        proofs = self._replica.core.certificates([view - 1])
        proof = max(proofs, key=lambda certificate: certificate.view, default=None)
        epoch = self._replica.validators.epoch
        self.send(peer, Standing(request.number, epoch, view, proof))

    @property
    def alarms(self) -> Sequence[RaisedAlarm]:
        """The newest alarms since the node was started."""
        return tuple(self._alarms)

    @property
    def evidence(self) -> Sequence[DoubleVote]:
        """Proofs against guarantors that this node came by since it was started."""
        return tuple(self._replica.evidence)

    @property
    def watch(self) -> Watch | None:
        """None: checking is part of this node's other work."""
        return None

    def describe(self) -> Description:
        """What the node is doing and why it waits."""
        replica, core = self._replica, self._replica.core
        own = self._voice.keys.vote_key.public
        entries = nodes(State(self._opened.store))
        entry = next((n.state.value for n in entries if n.validator.vote_key == own), "")
        pacing = self._config.replica
        return description.describe(
            description.Facts(
                name=self._config.name,
                number=self.index,
                entry=entry,
                validators=replica.validators,
                head=self.head(),
                view=core.view,
                leader=core.leader,
                doing=(
                    *self._voice.waiting_for(replica.validators.epoch),
                    replica.waiting_for(),
                    *core.explain(),
                ),
                peers=self._peers.states(),
                heights=replica.peer_heights(),
                pending_transactions=len(replica.intake.submissions),
                pending_bytes=replica.intake.submissions.size,
                syncing=replica.syncing,
                now_ms=wall_clock_ms(),
                started_ms=self._started_ms,
                final_ms=self._final_ms,
                idle_ms=2 * pacing.heartbeat + 6 * pacing.delta,
            )
        )

    # events of peers (node.network.peers.Sink) ------------------------------------------------
    def peer_up(self, peer: int) -> None:
        """A peer is connected."""
        self._runner.tell(PeerUp(peer))
        if self._voice.is_awaited and peer >= 0:
            self.send(peer, VoucherRequest())

    def peer_down(self, peer: int) -> None:
        """A peer is gone."""
        self._snapshots.forget(peer)
        self._asked_for_snapshot.discard(peer)
        self._runner.tell(PeerDown(peer))

    @property
    def has_room(self) -> bool:
        """Whether the disk keeps up with what peers and clients send."""
        return self._runner.waiting < limits.EFFECTS_WAITING

    def received(self, peer: int, kind: int, payload: bytes) -> None:
        """A message; what does not decode is the peer's offence."""
        message = decode_message(kind, payload)
        if self._may_join:
            self._consider_joining(peer, message)
        match message:
            case VoucherRequest():
                self._vouch(peer)
            case Voucher():
                self._vouched(peer, message)
            case StandingRequest():
                self._say_standing(peer, message)
            case Standing():
                self._questions.answered(peer, message)
            case SnapshotRequest() | SnapshotOffer() | PartRequest() | PartAnswer():
                self._snapshots.handle(peer, message)
            case _:
                self._runner.tell(Received(peer, message))

    # effects of the replica (node.runner.Outside) ---------------------------------------------
    def send(self, peer: int, message: Message) -> None:
        """Queue a message for one peer."""
        with _own_frame(message):
            self._peers.send(peer, *encode_message(message))

    def broadcast(self, message: Message) -> None:
        """Queue a message for all peers."""
        with _own_frame(message):
            self._peers.broadcast(*encode_message(message))

    def check(self, work: Check) -> None:
        """Have transactions verified by the workers."""
        self._spawn(self._check(work))

    async def _check(self, work: Check) -> None:
        try:
            plain = await self._pool.check(work.wires, urgent=work.urgent)
            verdicts = tuple(Verdict(*verdict) for verdict in plain)
        except Busy as busy:
            verdicts = (Verdict(b"", busy.code.name, busy.message),) * len(work.wires)
        self._runner.tell(Checked(work.token, verdicts))

    def answer(self, answer: Answer) -> None:
        """Answer a client, if it still waits."""
        waiting = self._requests.get(answer.request)
        if waiting is not None and not waiting.done():
            waiting.set_result(answer.submissions)

    def committed(self, height: int) -> None:
        """A block is durable: wake who waited for it."""
        self._final_ms = wall_clock_ms()
        self._taker.committed(height)
        if height % limits.UPGRADE_LOOK_BLOCKS == 0:
            self._look_for_upgrade()
        due = [reached for wanted, reached in self._waiters if wanted <= height]
        for reached in due:
            if not reached.done():
                reached.set_result(None)

    def _look_for_upgrade(self) -> None:
        coming = protocol_ahead(State(self._opened.store))
        if coming is not None and not is_known(coming):
            _log.warning(
                "install the decided release: this node stops before that height",
                protocol=coming.version,
                height=coming.height,
                release=None if coming.release is None else coming.release.hex(),
            )

    def _warn_of_expiry(self, time: int) -> None:
        """Once a day by block time: certificates that end within weeks, also of absent nodes."""
        day = time // limits.DAY_MS
        if day == self._warned_day:
            return
        self._warned_day = day
        for node in nodes(State(self._opened.store)):
            expires = expiry_ms(node.validator.certificate) if node.state in IN_OFFICE else None
            days = limits.EXPIRY_WARNING_DAYS if expires is None else expires // limits.DAY_MS - day
            if days < limits.EXPIRY_WARNING_DAYS:
                _log.warning(
                    "a registered TLS certificate ends; its guarantor makes another one by: "
                    "iic node rotate",
                    node=node.validator.name,
                    days=days,
                )

    def begin_epoch(self, validators: ValidatorSet, own: int | None) -> None:
        """Others decide from here on: connect to them, under the keys that are in force now."""
        self._peers.set_roster(self._roster(), self._this())
        _log.info(
            "epoch begins",
            epoch=validators.epoch,
            role="observer" if own is None else f"validator {own}",
            validators=validators.size,
            quorum=validators.quorum,
        )
        if self._voice.is_awaited:
            for peer in self._peers.connected:
                self.send(peer, VoucherRequest())

    def announce(self, block: BlockCommit) -> None:
        """One line per block."""
        header = block.header
        self._measured.height.set(header.height)
        self._measured.block_time.set(header.time / 1000)
        self._measured.transactions.inc(header.transactions)
        self._warn_of_expiry(header.time)
        if block.validators is None and any(key.startswith(NODE.prefix) for key in block.state):
            self._peers.set_roster(self._roster())
        _log.info(
            "block final",
            height=header.height,
            transactions=header.transactions,
            view=header.view,
            signatures=len(block.certificate.signatures) if block.certificate else None,
            state=header.state_root.hex()[:16],
            behind_ms=wall_clock_ms() - header.time,
        )

    def alarm(self, alarm: Alarm) -> None:
        """Tell the operator; a fatal alarm stops the node."""
        self._measured.alarms.labels(alarm.code).inc()
        self._alarms_raised += 1
        self._alarms.append(
            RaisedAlarm(
                number=self._alarms_raised,
                code=alarm.code,
                text=alarm.text,
                raised_ms=wall_clock_ms(),
                freezes=alarm.fatal,
            )
        )
        _log.error("alarm", code=alarm.code, text=alarm.text, fatal=alarm.fatal)
        if alarm.fatal:
            self.stop(CodedError(HALTED, f"{alarm.code}: {alarm.text}"))

    def failed(self, error: CodedError) -> None:
        """The disk or the replica failed: stop before anything else is promised."""
        _log.error("the node cannot go on", code=error.code.name, text=error.message)
        self.stop(error)


@contextmanager
def _own_frame(message: Message) -> Iterator[None]:
    """What this node says too long is its own defect: not said, and no peer's offence."""
    try:
        yield
    except CodedError as error:
        _log.error("a message was not sent", kind=type(message).__name__, reason=error.message)


def _to_api(known: Known) -> Submission:
    return Submission(
        known.id or None,
        known.status.value,
        known.height,
        known.position,
        known.code,
        known.reason,
        known.field,
    )


def _raise_if_none_was_taken(known: Iterable[Known]) -> None:
    """The replica refuses a whole request by one reason for all, with no ids."""
    for one in known:
        if one.id or one.code not in (BUSY.name, NOT_READY.name):
            return
    if one.code == BUSY.name:
        raise Busy(one.reason)
    raise CodedError(NOT_READY, one.reason)
