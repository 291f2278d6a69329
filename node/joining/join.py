"""Joining, without I/O: which snapshot to take, what to ask of whom, and what to believe.

A map from events to effects like the replica. Peers are asked for the newest snapshot that they
have; one whose manifest verifies is chosen, and its parts are fetched from every peer that has it,
a few at a time from each. Headers come first and in order, because a block's rows are verified
against its header, and headers are kept only as long as their rows are awaited.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable
from typing import NamedTuple

from contracts.indexes import indexes_of
from ledger.block import Header, Verify
from ledger.errors import BAD_SNAPSHOT, CodedError
from ledger.genesis import Genesis
from ledger.snapshot import (
    HEADERS_IN_PART,
    Outline,
    Part,
    PartKind,
    difference,
    read_items,
    read_manifest,
    verify_headers,
    verify_rows,
    verify_state,
)
from ledger.statetree import tree_of
from ledger.store.staging import Record, header_records, row_records, state_records
from node import limits
from node.messages import (
    JoiningMessage,
    PartAnswer,
    PartRequest,
    SnapshotOffer,
    SnapshotRequest,
)

_HEADERS_HELD = 3 * HEADERS_IN_PART
"""Headers whose rows are awaited; beyond them no further headers are asked for."""


class Send(NamedTuple):
    """Send a message to a peer; loss is allowed."""

    peer: int
    message: JoiningMessage


class Begin(NamedTuple):
    """Start putting a snapshot together, forgetting any other."""

    manifest: bytes


class Keep(NamedTuple):
    """Store the records of a verified part."""

    part: Part
    records: list[Record]


class Lied(NamedTuple):
    """A peer sent what is not so; it is asked for nothing more."""

    peer: int
    text: str


class Done(NamedTuple):
    """Everything of the snapshot is there."""

    outline: Outline


class GaveUp(NamedTuple):
    """No snapshot can be had: nobody offers one, or the rest of it does not come."""

    reason: str


Effect = Send | Begin | Keep | Lied | Done | GaveUp


class _Open(NamedTuple):
    """A request that a peer has not answered."""

    peer: int
    since: int


class Join:
    """See the module. ``now`` is in milliseconds of any clock that does not go back.

    ``least`` is the lowest height that is worth joining at, ``expected`` how many peers may have a
    snapshot: without an offer, all of them are waited for. ``staged`` is the manifest of a
    snapshot that was begun earlier and ``done`` the parts of it that are there.
    """

    def __init__(
        self,
        genesis: Genesis,
        verify: Verify,
        *,
        least: int,
        expected: int,
        staged: bytes | None = None,
        done: Collection[Part] = (),
        now: int = 0,
    ) -> None:
        self._genesis = genesis
        self._verify = verify
        self._tree = tree_of(genesis.chain_id)
        self._least = least
        self._expected = expected
        self._staged = staged
        self._done = set(done)
        self._peers: set[int] = set()
        self._liars: set[int] = set()
        self._offers: dict[int, tuple[bytes, Outline]] = {}
        self._first_answer: int | None = None
        self._without: set[int] = set()
        self._progress = now
        self._now = now
        self._out: list[Effect] = []
        self._over = False
        self._outline: Outline | None = None
        self.origin = -1
        """The peer whose manifest was chosen."""
        self._rows_there: set[int] = set()
        self._holders: set[int] = set()
        self._lacking: dict[int, set[PartKind]] = {}
        self._strikes: dict[int, int] = {}
        self._state: deque[Part] = deque()
        self._headers: deque[Part] = deque()
        self._rows: deque[Part] = deque()
        self._open: dict[Part, _Open] = {}
        self._known: dict[int, Header] = {}
        self._false: dict[Part, list[tuple[int, bytes]]] = {}

    # events -------------------------------------------------------------------------------------
    def peer_up(self, peer: int, now: int) -> list[Effect]:
        """A peer is connected: ask what it has."""
        self._now = now
        if peer in self._liars or self._over:
            return []
        self._peers.add(peer)
        self._strikes.pop(peer, None)
        height = 0 if self._outline is None else self._outline.header.height
        if self._outline is None and self._staged is not None:
            height = self._staged_height()
        self._emit(Send(peer, SnapshotRequest(height)))
        return self._flush()

    def peer_down(self, peer: int, now: int) -> list[Effect]:
        """A peer is gone: ask others for what it owes."""
        self._now = now
        self._peers.discard(peer)
        self._offers.pop(peer, None)
        self._holders.discard(peer)
        for part in [part for part, asked in self._open.items() if asked.peer == peer]:
            self._again(part)
        self._ask()
        return self._flush()

    def received(self, peer: int, message: JoiningMessage, now: int) -> list[Effect]:
        """A message of a peer."""
        self._now = now
        if peer in self._liars or self._over:
            return []
        match message:
            case SnapshotOffer(manifest):
                self._offered(peer, manifest)
            case PartAnswer():
                self._answered(peer, message)
            case _:
                pass  # this node has no snapshot to serve yet
        self._ask()
        return self._flush()

    def tick(self, now: int) -> list[Effect]:
        """Time has passed: choose among offers, and ask others for what is late."""
        self._now = now
        if self._over:
            return []
        for part, asked in list(self._open.items()):
            if now - asked.since > limits.PART_SECONDS * 1000:
                self._strikes[asked.peer] = self._strikes.get(asked.peer, 0) + 1
                self._again(part)
        if self._outline is None:
            self._choose()
        self._ask()
        if not self._over and now - self._progress > limits.JOIN_PATIENCE_SECONDS * 1000:
            self._give_up()
        return self._flush()

    @property
    def progress(self) -> tuple[int, int]:
        """Parts that are there, and parts in all as far as is known."""
        waiting = len(self._state) + len(self._headers) + len(self._rows) + len(self._open)
        return len(self._done), len(self._done) + waiting

    # offers -------------------------------------------------------------------------------------
    def _staged_height(self) -> int:
        try:
            assert self._staged is not None
            outline = read_manifest(self._staged, self._genesis, verify=self._verify)
        except CodedError:
            self._staged = None
            return 0
        return outline.header.height

    def _offered(self, peer: int, manifest: bytes) -> None:
        if self._first_answer is None:
            self._first_answer = self._now
        if not manifest:
            if self._outline is None and self._staged is not None:
                # It no longer has the one that was begun: what else has it got?
                self._emit(Send(peer, SnapshotRequest(0)))
                self._staged = None
            else:
                self._without.add(peer)
            return
        try:
            outline = read_manifest(manifest, self._genesis, verify=self._verify)
        except CodedError as error:
            self._blame(peer, f"the manifest: {error.message}")
            return
        self._offers[peer] = (manifest, outline)
        if self._outline is not None and outline.header == self._outline.header:
            self._holders.add(peer)

    def _choose(self) -> None:
        """Take the highest snapshot on offer once everybody had time to make an offer."""
        if self._first_answer is None:
            return
        waited = self._now - self._first_answer > limits.OFFERS_SECONDS * 1000
        answered = self._offers.keys() | self._without | self._liars
        if not waited or not self._peers <= answered:
            return
        good = {p: o for p, o in self._offers.items() if o[1].header.height >= self._least}
        if not good:
            if len(answered) >= self._expected:
                self._give_up()
            return
        self.origin, (same, outline) = max(
            good.items(), key=lambda offer: (offer[1][1].header.height, -offer[0])
        )
        if self._staged is not None:
            staged = read_manifest(self._staged, self._genesis, verify=self._verify)
            if staged.header == outline.header:
                same, outline = self._staged, staged
        self._outline = outline
        self._progress = self._now
        if same is not self._staged:
            self._done.clear()
            self._emit(Begin(same))
        for peer in self._peers - self._liars:
            offer = self._offers.get(peer)
            if offer is not None and offer[1].header == outline.header:
                self._holders.add(peer)
            else:
                self._emit(Send(peer, SnapshotRequest(outline.header.height)))
        self._plan(outline)

    def _plan(self, outline: Outline) -> None:
        first, height = outline.manifest.first, outline.header.height
        self._known = {height: outline.header}
        rows_there = {
            h for p in self._done if p.kind is PartKind.ROWS for h in range(p.start, p.end)
        }
        for part in outline.parts():
            if part.kind is PartKind.STATE:
                if part not in self._done:
                    self._state.append(part)
            elif part not in self._done or any(
                h not in rows_there for h in range(max(part.start, first), part.end)
            ):
                self._headers.append(part)
        self._rows_there = rows_there
        if height >= first:
            self._want_rows(height, height + 1)

    def _want_rows(self, start: int, end: int) -> None:
        """Queue the rows of these blocks that are not there, in ranges that one answer may hold."""
        assert self._outline is not None
        run: list[int] = []
        for height in [*range(max(start, self._outline.manifest.first), end), -1]:
            wanted = height >= 0 and height not in self._rows_there
            if run and (not wanted or len(run) >= limits.PART_ROWS_BLOCKS):
                self._rows.append(Part(PartKind.ROWS, start=run[0], end=run[-1] + 1))
                run = []
            if wanted:
                run.append(height)

    # parts --------------------------------------------------------------------------------------
    def _answered(self, peer: int, answer: PartAnswer) -> None:
        part = next(
            (
                part
                for part, asked in self._open.items()
                if asked.peer == peer
                and (part.kind, part.path, part.start) == (answer.kind, answer.path, answer.start)
            ),
            None,
        )
        if part is None or self._outline is None:
            return
        del self._open[part]
        if answer.content is None:
            self._lacking.setdefault(peer, set()).add(part.kind)
            self._again(part)
            return
        try:
            self._take(part, answer.content, answer.end)
        except CodedError as error:
            if part.kind is PartKind.STATE:
                self._false.setdefault(part, []).append((peer, answer.content))
            self._again(part)
            self._blame(peer, f"{part}: {error.message}")
            return
        self._progress = self._now

    def _take(self, part: Part, content: bytes, end: int) -> None:
        """Verify a part and keep it; raises ``BAD_SNAPSHOT``."""
        assert self._outline is not None
        match part.kind:
            case PartKind.STATE:
                expected = self._outline.state[part.path]
                records, pages = verify_state(self._tree, part.path, expected, content)
                self._keep(part, state_records(records, pages.items()))
                for peer, false in self._false.pop(part, ()):
                    self._emit(Lied(peer, f"{part}: {difference(records, false)}"))
            case PartKind.HEADERS:
                headers = verify_headers(self._outline, part, content)
                if part not in self._done:
                    self._keep(part, header_records(part, headers))
                first = self._outline.manifest.first
                self._known |= {h.height: h for h in headers if h.height >= first}
                self._want_rows(part.start, part.end)
            case PartKind.ROWS:
                self._take_rows(part, content, end)

    def _take_rows(self, part: Part, content: bytes, end: int) -> None:
        blocks = read_items(content)
        if not part.start < end <= part.end or len(blocks) != end - part.start:
            raise CodedError(BAD_SNAPSHOT, "other blocks than were asked for")
        records: list[Record] = []
        for height, block in enumerate(blocks, part.start):
            rows = verify_rows(self._known[height], block)
            ids, anchors, events = indexes_of(height, rows)
            records += row_records(height, rows, ids, anchors, events)
        self._keep(Part(PartKind.ROWS, start=part.start, end=end), records)
        for height in range(part.start, end):
            del self._known[height]
        if end < part.end:
            self._rows.appendleft(Part(PartKind.ROWS, start=end, end=part.end))

    def _keep(self, part: Part, records: Iterable[Record]) -> None:
        self._done.add(part)
        self._emit(Keep(part, list(records)))

    def _again(self, part: Part) -> None:
        """A part is still wanted."""
        self._open.pop(part, None)
        queue = {
            PartKind.STATE: self._state,
            PartKind.HEADERS: self._headers,
            PartKind.ROWS: self._rows,
        }[part.kind]
        queue.appendleft(part)

    def _ask(self) -> None:
        """Keep every peer that can help busy, until there is nothing left to ask for."""
        if self._outline is None or self._over:
            return
        if not (self._state or self._headers or self._rows or self._open):
            self._over = True
            self._emit(Done(self._outline))
            return
        busy = dict.fromkeys(sorted(self._peers - self._liars), 0)
        for asked in self._open.values():
            busy[asked.peer] = busy.get(asked.peer, 0) + 1
        for peer in sorted(busy, key=lambda p: (busy[p], p)):
            if self._strikes.get(peer, 0) >= limits.PART_STRIKES:
                continue
            while busy[peer] < limits.PART_REQUESTS_OPEN:
                part = self._next_for(peer)
                if part is None:
                    break
                busy[peer] += 1
                self._open[part] = _Open(peer, self._now)
                height = self._outline.header.height
                self._emit(Send(peer, PartRequest(height, *part)))

    def _next_for(self, peer: int) -> Part | None:
        lacking = self._lacking.get(peer, set())
        if self._rows and PartKind.ROWS not in lacking:
            return self._rows.popleft()
        room = len(self._known) < _HEADERS_HELD
        if self._headers and room and PartKind.HEADERS not in lacking:
            return self._headers.popleft()
        if self._state and peer in self._holders and PartKind.STATE not in lacking:
            return self._state.popleft()
        return None

    # ends ---------------------------------------------------------------------------------------
    def _blame(self, peer: int, text: str) -> None:
        self._liars.add(peer)
        self._offers.pop(peer, None)
        self._holders.discard(peer)
        self._emit(Lied(peer, text))
        for part in [part for part, asked in self._open.items() if asked.peer == peer]:
            self._again(part)

    def _give_up(self) -> None:
        self._over = True
        if self._outline is None:
            best = max((o[1].header.height for o in self._offers.values()), default=None)
            what = "no peer offers a snapshot"
            if best is not None:
                what = f"the newest snapshot offered is of block {best}"
            self._emit(GaveUp(f"{what}; one of block {self._least} or later is wanted"))
        else:
            have, of = self.progress
            self._emit(GaveUp(f"no peer sends the rest: {have} of {of} parts are here"))

    def _emit(self, effect: Effect) -> None:
        self._out.append(effect)

    def _flush(self) -> list[Effect]:
        out, self._out = self._out, []
        return out
