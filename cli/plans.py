"""How calls are made, without making them: retries, fail-over and waiting as pure generators.

A plan yields :class:`Send` and :class:`Pause` and is told what came of them; the clients in
:mod:`cli.client` carry the steps out, one with blocking calls and one with asyncio. Used by nothing
else.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

import httpx
import msgspec

from cli import calls
from cli.calls import Call
from cli.errors import BAD_ANSWER, NODE_UNREACHABLE, OUTCOME_UNKNOWN
from ledger import limits
from ledger.errors import CodedError, ErrorCode, catalogue
from node.api.models import Problem, SubmissionView

T = TypeVar("T")

_FIRST_PAUSE_S = 0.1
_LAST_PAUSE_S = 2.0
_POLL_S = 10.0
_ARRAY_OVERHEAD = 64
_ITEM_OVERHEAD = 5

_problem = msgspec.json.Decoder(Problem)


class Send(NamedTuple):
    """Make a call at the base URL with this number (modulo how many there are)."""

    at: int
    call: Call[Any]
    timeout_s: float


class Pause(NamedTuple):
    """Wait so many seconds."""

    seconds: float


Reply = httpx.Response | httpx.TransportError | None
Plan = Generator[Send | Pause, Reply, T]


class ServerError(CodedError):
    """What a node refused, with the node's own code and sentence.

    ``retry_after_s`` is 0 unless the node said when to come back.
    """

    is_answer = True

    def __init__(
        self, code: ErrorCode, message: str, *, field: str = "", retry_after_s: int = 0
    ) -> None:
        super().__init__(code, message, field=field)
        self.retry_after_s = retry_after_s


def code_named(name: str, status: int, meaning: str) -> ErrorCode:
    """The published code of that name, or one that a newer node knows and we do not."""
    return catalogue().get(name) or ErrorCode(name, status, meaning)


def error_of(response: httpx.Response) -> CodedError:
    """The error that a response of status 400 or above carries."""
    try:
        problem = _problem.decode(response.content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return CodedError(
            BAD_ANSWER,
            f"{response.request.url} answered with status {response.status_code} and no code",
        )
    after = response.headers.get("retry-after", "")
    return ServerError(
        code_named(problem.code, problem.status, problem.title),
        problem.detail,
        field=problem.field,
        retry_after_s=int(after) if after.isdigit() and len(after) < 6 else 0,
    )


def refusal(submission: SubmissionView) -> CodedError | None:
    """The coded error of a refused submission; None unless it was refused."""
    if submission.status != "refused":
        return None
    code = code_named(submission.code, 409, "The transaction was refused.")
    return ServerError(code, submission.reason, field=submission.field)


class Pool:
    """The base URLs of one client, and which of them answered last."""

    def __init__(self, urls: Sequence[str]) -> None:
        if not urls:
            raise ValueError("a client needs at least one node's URL")
        self.urls = tuple(url.rstrip("/") for url in urls)
        self.at = 0

    @property
    def current(self) -> str:
        """The URL to use now."""
        return self.urls[self.at % len(self.urls)]

    def next(self) -> None:
        """Turn to the next node."""
        self.at = (self.at + 1) % len(self.urls)

    def unreachable(self) -> CodedError:
        """The error when nobody answered."""
        return CodedError(NODE_UNREACHABLE, f"no node answers at {', '.join(self.urls)}")


def _undelivered(reply: Reply) -> bool:
    """Whether a request certainly never reached a node."""
    return isinstance(reply, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)


def ask(
    pool: Pool, call: Call[T], *, timeout_s: float, patience_s: float, clock: Callable[[], float]
) -> Plan[T]:
    """Make one call, at the next node if one fails, until ``patience_s`` have passed.

    Each node is tried at least once. Raises the node's coded error, ``NODE_UNREACHABLE``, or, for
    a submission that may have arrived, ``OUTCOME_UNKNOWN``.
    """
    end = clock() + patience_s
    pause = _FIRST_PAUSE_S
    last: CodedError | None = None
    delivered = False
    while True:
        wait = 0.0
        for _ in pool.urls:
            reply = yield Send(pool.at, call, timeout_s + call.slack_s)
            if isinstance(reply, httpx.Response):
                if reply.status_code < 400:
                    return call.read(reply.content)
                last = error_of(reply)
                if reply.status_code < 500 and reply.status_code != 429:
                    raise last
                if isinstance(last, ServerError):
                    wait = max(wait, float(last.retry_after_s))
                delivered = delivered or reply.status_code != 429
            else:
                delivered = delivered or not _undelivered(reply)
            pool.next()
        wait = max(wait, pause)
        pause = min(pause * 2, _LAST_PAUSE_S)
        if clock() + wait > end:
            if call.path == "/v1/transactions" and delivered:
                raise CodedError(
                    OUTCOME_UNKNOWN,
                    "the transaction was sent and no node said what became of it; "
                    "sending the same bytes again is safe",
                )
            raise last or pool.unreachable()
        yield Pause(wait)


def chunks(wires: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """Parts that each fit one request, in order."""
    start, size = 0, _ARRAY_OVERHEAD
    for at, wire in enumerate(wires):
        grown = size + len(wire) + _ITEM_OVERHEAD
        if at > start and (
            grown > limits.MAX_BATCH_BYTES or at - start >= limits.MAX_BATCH_TRANSACTIONS
        ):
            yield wires[start:at]
            start, grown = at, _ARRAY_OVERHEAD + len(wire) + _ITEM_OVERHEAD
        size = grown
    if start < len(wires):
        yield wires[start:]


def submit(
    pool: Pool,
    wires: Sequence[bytes],
    *,
    wait_s: float,
    timeout_s: float,
    patience_s: float,
    clock: Callable[[], float],
) -> Plan[list[SubmissionView]]:
    """Submit envelopes and, if ``wait_s`` > 0, wait until none is pending.

    A node that forgot a transaction (it stopped before it shared it) makes the status unknown; the
    same bytes are then sent again. Returns the newest status of each, in order.
    """
    end = clock() + wait_s
    results: list[SubmissionView] = []
    for chunk in chunks(wires):
        answer = yield from ask(
            pool, calls.submit(chunk), timeout_s=timeout_s, patience_s=patience_s, clock=clock
        )
        results.extend(answer.transactions)
    pause = _FIRST_PAUSE_S
    while True:
        open_ones = [at for at, result in enumerate(results) if result.status == "pending"]
        lost = [at for at, r in enumerate(results) if r.status == "unknown" and r.id is not None]
        left = end - clock()
        if left <= 0 or not (open_ones or lost):
            return results
        if lost:
            yield Pause(min(pause, left))
            pause = min(pause * 2, _LAST_PAUSE_S)
            sent = 0
            for chunk in chunks([wires[at] for at in lost]):
                call = calls.submit(chunk)
                answer = yield from ask(
                    pool, call, timeout_s=timeout_s, patience_s=patience_s, clock=clock
                )
                for at, result in zip(lost[sent:], answer.transactions, strict=False):
                    results[at] = result
                sent += len(chunk)
        if open_ones:
            yield from _refresh(pool, results, open_ones, end, timeout_s, patience_s, clock)


def settle(
    pool: Pool,
    ids: Sequence[bytes],
    *,
    wait_s: float,
    timeout_s: float,
    patience_s: float,
    clock: Callable[[], float],
) -> Plan[list[SubmissionView]]:
    """Wait until every id is final or refused, at most ``wait_s``; statuses in order."""
    end = clock() + wait_s
    results = [SubmissionView(id=identity.hex(), status="unknown") for identity in ids]
    pause = _FIRST_PAUSE_S
    while True:
        yet = [at for at, r in enumerate(results) if r.status in ("pending", "unknown")]
        yield from _refresh(pool, results, yet, end, timeout_s, patience_s, clock)
        yet = [at for at, r in enumerate(results) if r.status in ("pending", "unknown")]
        left = end - clock()
        if not yet or left <= 0:
            return results
        if any(results[at].status == "unknown" for at in yet):
            yield Pause(min(pause, left))
            pause = min(pause * 2, _LAST_PAUSE_S)


def _refresh(
    pool: Pool,
    results: list[SubmissionView],
    positions: Sequence[int],
    end: float,
    timeout_s: float,
    patience_s: float,
    clock: Callable[[], float],
) -> Plan[None]:
    """Ask for the statuses at ``positions``, letting the node wait while all are pending."""
    for start in range(0, len(positions), limits.MAX_BATCH_TRANSACTIONS):
        part = positions[start : start + limits.MAX_BATCH_TRANSACTIONS]
        ids = [bytes.fromhex(results[at].id or "") for at in part]
        left = max(0.0, min(_POLL_S, end - clock()))
        call = calls.statuses(ids, wait_s=left)
        answer = yield from ask(pool, call, timeout_s=timeout_s, patience_s=patience_s, clock=clock)
        for at, result in zip(part, answer.transactions, strict=True):
            results[at] = result
