"""Calls are repeated where that is safe, at the next node, and end with a code that is true."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import httpx
import msgspec
import pytest

from cli import calls, plans
from cli.plans import Pause, Plan, Pool, Reply, Send
from ledger.errors import CodedError
from node.api.models import Problem, SubmissionAnswer, SubmissionView

T = TypeVar("T")
A, B = "http://a", "http://b"
ID = bytes(31) + b"\1"


class Clock:
    """Virtual time that pauses move."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def play(
    plan: Plan[T], clock: Clock, answers: Callable[[Send], Reply]
) -> tuple[T, list[Send | float]]:
    """Carry a plan out; returns its result and what it did: calls and pauses."""
    done: list[Send | float] = []
    reply: Reply = None
    while True:
        try:
            step = plan.send(reply)
        except StopIteration as stop:
            return stop.value, done
        reply = None
        if isinstance(step, Pause):
            clock.now += step.seconds
            done.append(step.seconds)
        else:
            done.append(step)
            reply = answers(step)


def response(status: int, body: Any, **headers: str) -> httpx.Response:
    return httpx.Response(
        status,
        content=msgspec.json.encode(body),
        headers={name.replace("_", "-"): value for name, value in headers.items()},
        request=httpx.Request("GET", A),
    )


def refused(status: int, code: str, **headers: str) -> httpx.Response:
    problem = Problem(type="", title="T", status=status, detail="D", code=code, field="f")
    return response(status, problem, **headers)


def answered(*results: SubmissionView) -> httpx.Response:
    return response(200, SubmissionAnswer(height=1, transactions=list(results)))


def status(word: str, **more: Any) -> SubmissionView:
    return SubmissionView(id=ID.hex(), status=word, **more)  # type: ignore[arg-type]


def scripted(*replies: Reply) -> Callable[[Send], Reply]:
    queue = list(replies)
    return lambda step: queue.pop(0)


def ask(pool: Pool, clock: Clock, call: calls.Call[T] | None = None, patience: float = 10) -> Any:
    chosen = call or calls.statuses([ID])
    return plans.ask(pool, chosen, timeout_s=1, patience_s=patience, clock=clock)


def submit(pool: Pool, clock: Clock, wires: Sequence[bytes], wait: float = 0) -> Any:
    return plans.submit(pool, wires, wait_s=wait, timeout_s=1, patience_s=5, clock=clock)


def test_a_dead_node_is_passed_over_and_the_next_one_kept() -> None:
    pool, clock = Pool([A, B]), Clock()
    result, done = play(
        ask(pool, clock), clock, scripted(httpx.ConnectError("no"), answered(status("final")))
    )
    assert result.transactions[0].status == "final"
    assert [step.at for step in done if isinstance(step, Send)] == [0, 1]
    assert pool.current == B


def test_a_refusal_carries_the_nodes_own_code_and_is_not_repeated() -> None:
    pool, clock = Pool([A, B]), Clock()
    with pytest.raises(plans.ServerError) as error:
        play(ask(pool, clock), clock, scripted(refused(404, "NO_SUCH_RESOURCE")))
    assert (error.value.code.name, error.value.message, error.value.field) == (
        "NO_SUCH_RESOURCE",
        "D",
        "f",
    )


def test_a_code_that_only_a_newer_node_knows_is_kept() -> None:
    with pytest.raises(CodedError) as error:
        play(ask(Pool([A]), Clock()), Clock(), scripted(refused(409, "OF_TOMORROW")))
    assert (error.value.code.name, error.value.code.status) == ("OF_TOMORROW", 409)


def test_a_busy_node_is_asked_again_after_the_time_it_named() -> None:
    clock = Clock()
    _, done = play(
        ask(Pool([A]), clock),
        clock,
        scripted(refused(429, "BUSY", retry_after="3"), answered(status("final"))),
    )
    assert [step for step in done if not isinstance(step, Send)] == [3.0]


def test_nodes_that_never_answer_are_unreachable_in_the_end() -> None:
    clock = Clock()
    with pytest.raises(CodedError) as error:
        play(ask(Pool([A, B]), clock), clock, lambda step: httpx.ConnectError("no"))
    assert error.value.code.name == "NODE_UNREACHABLE"
    assert clock.now <= 10


def test_a_submission_that_may_have_arrived_is_never_called_unreachable() -> None:
    clock = Clock()
    with pytest.raises(CodedError) as error:
        play(submit(Pool([A]), clock, [b"w"]), clock, lambda step: httpx.ReadTimeout("slow"))
    assert error.value.code.name == "OUTCOME_UNKNOWN"
    clock = Clock()
    with pytest.raises(CodedError) as error:
        play(submit(Pool([A]), clock, [b"w"]), clock, lambda step: httpx.ConnectTimeout("no"))
    assert error.value.code.name == "NODE_UNREACHABLE"


def test_a_time_out_resends_exactly_the_same_bytes() -> None:
    clock = Clock()
    result, done = play(
        submit(Pool([A, B]), clock, [b"wire"]),
        clock,
        scripted(httpx.ReadTimeout("slow"), answered(status("final", height=3))),
    )
    sends = [step for step in done if isinstance(step, Send)]
    assert sends[0].call.body == sends[1].call.body
    assert result[0].height == 3


def test_a_transaction_that_a_node_forgot_is_sent_again() -> None:
    clock = Clock()
    result, done = play(
        submit(Pool([A, B]), clock, [b"wire"], wait=30),
        clock,
        scripted(
            answered(status("pending")),
            httpx.ReadError("gone"),
            answered(status("unknown")),
            answered(status("pending")),
            answered(status("final", height=9, index=0)),
        ),
    )
    paths = [step.call.path.rpartition("/")[2] for step in done if isinstance(step, Send)]
    assert paths == ["transactions", "status", "status", "transactions", "status"]
    assert result == [status("final", height=9, index=0)]


def test_waiting_ends_at_its_time_with_what_is_known() -> None:
    clock = Clock()

    def slow(step: Send) -> Reply:
        clock.now += step.call.slack_s
        return answered(status("pending"))

    result, _ = play(submit(Pool([A]), clock, [b"wire"], wait=25), clock, slow)
    assert result == [status("pending")]
    assert clock.now == 25


def test_waiting_for_an_id_nobody_knows_ends_at_its_time() -> None:
    clock = Clock()
    plan = plans.settle(Pool([A]), [ID], wait_s=7, timeout_s=1, patience_s=5, clock=clock)
    result, _ = play(plan, clock, lambda step: answered(status("unknown")))
    assert result == [status("unknown")]
    assert clock.now == 7


def test_long_lists_go_in_parts_that_a_node_accepts() -> None:
    wires = [b"x" * 60_000] * 90 + [b"y"] * 4_500
    parts = list(plans.chunks(wires))
    assert [wire for part in parts for wire in part] == wires
    assert all(len(calls.submit(part).body or b"") <= 2 * 1024 * 1024 for part in parts)
    assert all(len(part) <= 2_000 for part in parts)
    assert len(parts) <= 7


def test_an_answer_that_is_no_api_is_told_apart() -> None:
    page = httpx.Response(200, content=b"<html>", request=httpx.Request("GET", A))
    with pytest.raises(CodedError) as error:
        play(ask(Pool([A]), Clock()), Clock(), scripted(page))
    assert error.value.code.name == "BAD_ANSWER"


def test_a_refused_submission_becomes_a_coded_error() -> None:
    error = plans.refusal(status("refused", code="TOO_LARGE", reason="R", field="x"))
    assert error is not None
    assert (error.code.name, error.message, error.field) == ("TOO_LARGE", "R", "x")
    assert plans.refusal(status("final")) is None
