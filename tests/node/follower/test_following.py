"""A follower finds what its peers alter, says where, and is kept from the truth by none."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec import structs
from published import VOTE_KEYS, Ledger, example, finalization, four_guarantors, signed_anyway
from publishers import Publisher, caught_up, serving, watching

from ledger.block import VoteKind, sign_vote
from ledger.evidence import DoubleVote, double_vote
from ledger.segment import PublishedBlock
from ledger.store.check import check
from ledger.store.disk import open_store
from node import limits
from node.follower.alarms import AlarmBook

Alter = Callable[[PublishedBlock], PublishedBlock]


@pytest.fixture
def ledger() -> Ledger:
    return example()


def flipped(data: bytes, at: int) -> bytes:
    at %= len(data)
    return data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]


def at_block(height: int, change: Alter) -> Alter:
    return lambda block: change(block) if block.header.height == height else block


def wire_flipped(block: PublishedBlock) -> PublishedBlock:
    if not block.rows:
        return block
    row = structs.replace(block.rows[1], wire=flipped(block.rows[1].wire, -3))
    return structs.replace(block, rows=(block.rows[0], row, *block.rows[2:]))


def receipt_flipped(block: PublishedBlock) -> PublishedBlock:
    if not block.rows:
        return block
    row = structs.replace(block.rows[2], receipt=flipped(block.rows[2].receipt, -9))
    return structs.replace(block, rows=(*block.rows[:2], row))


def root_flipped(block: PublishedBlock) -> PublishedBlock:
    header = block.header
    changed = structs.replace(header, state_root=flipped(header.state_root, 0))
    return structs.replace(block, header=changed)


def signature_flipped(block: PublishedBlock) -> PublishedBlock:
    assert block.certificate is not None
    first, *others = block.certificate.signatures
    first = structs.replace(first, signature=flipped(first.signature, 40))
    certificate = structs.replace(block.certificate, signatures=(first, *others))
    return structs.replace(block, certificate=certificate)


def forged(block: PublishedBlock) -> PublishedBlock:
    return structs.replace(block, certificate=finalization(block.header, (0, 2)))


def doubled(block: PublishedBlock) -> PublishedBlock:
    """Three signatures, two of them by the same guarantor."""
    certificate = finalization(block.header, (0, 2))
    signatures = (*certificate.signatures, certificate.signatures[-1])
    return structs.replace(block, certificate=structs.replace(certificate, signatures=signatures))


ALTERED = [
    (wire_flipped, 4, 1, "content"),
    (receipt_flipped, 4, 2, "receipt"),
    (root_flipped, 4, None, "certificate"),
    (signature_flipped, 4, None, "certificate"),
    (forged, 4, None, "certificate"),
    (doubled, 4, None, "certificate"),
]


@pytest.mark.parametrize(("change", "block", "position", "check_"), ALTERED)
async def test_what_a_peer_alters_is_named_and_the_others_are_followed(
    ledger: Ledger,
    tmp_path: Path,
    change: Alter,
    block: int,
    position: int | None,
    check_: str,
) -> None:
    liar, honest = Publisher(ledger), Publisher(ledger, "g1")
    liar.alter = at_block(block, change)
    alone = await caught_up(tmp_path, ledger, liar)
    alarm = next(a for a in alone.new_alarms if f": {check_}:" in a.text)
    assert (alarm.code, alarm.block, alarm.position) == ("PEER_LIES", block, position)
    assert alarm.source == liar.url and not alone.watch.frozen
    # Blocks 2 and 3 are final through block 4 alone, and wait for it to be what it was.
    assert alone.head.height == (3 if check_ == "receipt" else 1)
    outcome = await caught_up(tmp_path, ledger, liar, honest)
    assert outcome.head == ledger.store.head, "an honest peer is enough"
    assert all(a.code == "PEER_LIES" and a.source == liar.url for a in outcome.new_alarms)


async def test_honest_peers_raise_nothing_and_the_store_is_sound(
    ledger: Ledger, tmp_path: Path
) -> None:
    outcome = await caught_up(tmp_path, ledger, Publisher(ledger), Publisher(ledger, "g1"))
    assert outcome.new_alarms == () and outcome.reached and outcome.head == ledger.store.head
    assert outcome.watch.blocks == 8 and outcome.watch.comparisons >= 2
    assert outcome.watch.complete_block is not None
    store = open_store(tmp_path / "follower" / "data" / "ledger", read_only=True)
    assert list(check(store)) == []
    store.close()


def wrong(ledger: Ledger) -> Alter:
    """A quorum signs another state of block 4."""

    def change(block: PublishedBlock) -> PublishedBlock:
        return signed_anyway(block, lambda header: {"state_root": bytes(32)})

    return at_block(4, change)


async def test_what_a_quorum_signed_wrongly_freezes_and_everything_says_so(
    ledger: Ledger, tmp_path: Path
) -> None:
    publisher = Publisher(ledger)
    publisher.alter = wrong(ledger)
    publisher.hidden = 4
    with serving(publisher) as urls, socket.create_server(("127.0.0.1", 0)) as probe:
        api = f"127.0.0.1:{probe.getsockname()[1]}"
        probe.close()
        async with (
            watching(tmp_path, ledger, urls, api=api) as service,
            httpx.AsyncClient(base_url=f"http://{api}", trust_env=False) as http,
        ):
            await until(lambda: bool(service.watch.frozen))
            assert service.head().height == 3
            [alarm] = (await http.get("/v1/alarms")).json()["alarms"]
            assert (alarm["code"], alarm["block"], alarm["freezes"]) == ("ROOT", 4, True)
            ready = await http.get("/readyz")
            assert ready.status_code == 503 and "violation" in ready.json()["reason"]
            metrics = (await http.get("/metrics")).text
            assert "iic_follower_frozen 1.0" in metrics
            assert 'iic_alarms_total{code="ROOT"} 1.0' in metrics
            page = (await http.get("/en/blocks", follow_redirects=True)).text
            assert 'role="alert"' in page and "state_root" in page
            for language in ("en", "ru", "zh"):
                page = (await http.get(f"/{language}/alarms")).text
                assert "ROOT" in page and publisher.url in page
            refused = await http.post("/v1/transactions", content=b"\x91\xc4\x01x")
            assert refused.status_code in (403, 415)
    again = await caught_up(tmp_path, ledger, publisher)
    assert again.new_alarms == () and "state_root" in again.watch.frozen, "it is told once"


async def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        await asyncio.sleep(0.02)


def two_ledgers(*, same_view: bool) -> tuple[Ledger, Ledger]:
    """Ledgers that are the same up to block 5 and both final above."""
    one, other = Ledger(), Ledger()
    for _ in range(5):
        one.append([one.payment()])
        other.append([other.payment()])
    assert one.store.head == other.store.head
    other.salt = 1_000
    one.append([one.payment()])
    other.append([other.payment()] if same_view else [other.payment(), other.payment()])
    one.append()
    other.append([other.payment()])
    other.append()
    return one, other


@pytest.mark.parametrize("same_view", [True, False])
async def test_a_forked_ledger_is_told_with_its_height_both_blocks_and_who_signed(
    tmp_path: Path, same_view: bool
) -> None:
    one, other = two_ledgers(same_view=same_view)
    outcome = await caught_up(tmp_path, one, Publisher(one, "a"), Publisher(other, "b"))
    fork = next(a for a in outcome.new_alarms if a.code == "FORK")
    assert fork.block == 6 and fork.freezes and "height 6" in fork.text
    for ledger in (one, other):
        header = ledger.store.header(6)
        assert header is not None and header.hash().hex() in fork.text
    assert "signed both: g0, g1, g3" in fork.text
    convicted = [a for a in outcome.new_alarms if a.code == "EQUIVOCATION"]
    assert len(convicted) == (3 if same_view else 0)
    assert outcome.watch.frozen


def contradiction(ledger: Ledger, signer: int = 2) -> DoubleVote:
    votes = [
        sign_vote(
            ledger.genesis.chain_id,
            VOTE_KEYS[signer],
            signer,
            VoteKind.FINALIZE,
            0,
            77,
            bytes((n,)) * 32,
        )
        for n in (1, 2)
    ]
    return double_vote(*votes)


async def test_evidence_that_a_peer_holds_names_who_and_where_and_is_kept(
    ledger: Ledger, tmp_path: Path
) -> None:
    publisher = Publisher(ledger)
    publisher.evidence = [contradiction(ledger)]
    outcome = await caught_up(tmp_path, ledger, publisher)
    [alarm] = outcome.new_alarms
    assert alarm.code == "EQUIVOCATION" and "g2" in alarm.text and "view 77" in alarm.text
    assert not outcome.watch.frozen and outcome.head == ledger.store.head
    book = AlarmBook(tmp_path / "follower" / "alarms.jsonl")
    assert book.evidence == publisher.evidence and len(book.alarms) == 1
    assert (await caught_up(tmp_path, ledger, publisher)).new_alarms == ()


async def test_evidence_that_proves_nothing_is_the_peers_lie(
    ledger: Ledger, tmp_path: Path
) -> None:
    publisher = Publisher(ledger)
    proof = contradiction(ledger)
    first = structs.replace(proof.first, signature=flipped(proof.first.signature, 3))
    publisher.evidence = [structs.replace(proof, first=first)]
    outcome = await caught_up(tmp_path, ledger, publisher, Publisher(ledger, "g1"))
    assert {a.code for a in outcome.new_alarms} == {"PEER_LIES"}
    assert outcome.head == ledger.store.head


async def test_a_peer_of_another_ledger_is_told_and_left_alone(
    ledger: Ledger, tmp_path: Path
) -> None:
    stranger = Publisher(Ledger(structs.replace(four_guarantors(), network="another")))
    outcome = await caught_up(tmp_path, ledger, stranger, Publisher(ledger, "g1"))
    [alarm] = outcome.new_alarms
    assert alarm.code == "OTHER_LEDGER" and alarm.source == stranger.url
    assert outcome.head == ledger.store.head
    assert not any("segments" in path for path in stranger.asked)


def endless(request: BaseHTTPRequestHandler) -> bool:
    request.send_response(200)
    request.end_headers()
    while True:
        request.wfile.write(bytes(1 << 20))


def slow(request: BaseHTTPRequestHandler) -> bool:
    request.send_response(200)
    request.end_headers()
    for _ in range(100):
        request.wfile.write(b"\x93")
        request.wfile.flush()
        time.sleep(0.05)
    return True


def silent(request: BaseHTTPRequestHandler) -> bool:
    time.sleep(3)
    return True


def garbage(request: BaseHTTPRequestHandler) -> bool:
    request.send_response(200)
    request.end_headers()
    request.wfile.write(b"<html>" * 100)
    return True


def failing(request: BaseHTTPRequestHandler) -> bool:
    request.send_error(503)
    return True


def redirecting(request: BaseHTTPRequestHandler) -> bool:
    request.send_response(302)
    request.send_header("Location", "http://127.0.0.1:9/")
    request.end_headers()
    return True


def hanging_up(request: BaseHTTPRequestHandler) -> bool:
    return True


@pytest.mark.parametrize("raw", [endless, slow, silent, garbage, failing, redirecting, hanging_up])
@pytest.mark.parametrize("only_blocks", [True, False])
async def test_no_peer_keeps_a_follower_from_the_others(
    ledger: Ledger,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    raw: Callable[[BaseHTTPRequestHandler], bool],
    only_blocks: bool,
) -> None:
    monkeypatch.setattr(limits, "FOLLOW_ANSWER_SECONDS", 0.5)
    bad, good = Publisher(ledger), Publisher(ledger, "g1")
    bad.raw = lambda request: (not only_blocks or "segments" in request.path) and raw(request)
    outcome = await caught_up(tmp_path, ledger, bad, good)
    assert outcome.head == ledger.store.head
    assert all(a.code == "PEER_LIES" and a.source == bad.url for a in outcome.new_alarms)
    assert not outcome.watch.frozen


async def test_a_peer_that_claims_blocks_which_it_does_not_show_is_not_waited_for(
    ledger: Ledger, tmp_path: Path
) -> None:
    boaster = Publisher(ledger)
    boaster.height = 1_000_000
    outcome = await caught_up(tmp_path, ledger, boaster, Publisher(ledger, "g1"))
    assert outcome.head == ledger.store.head and outcome.new_alarms == ()


async def test_a_peer_that_goes_back_is_no_reason_to_go_back(
    ledger: Ledger, tmp_path: Path
) -> None:
    peer = Publisher(ledger)
    await caught_up(tmp_path, ledger, peer)
    peer.hidden = 4
    outcome = await caught_up(tmp_path, ledger, peer)
    assert outcome.head == ledger.store.head and outcome.new_alarms == ()


async def test_nobody_there_is_told_apart_from_nothing_wrong(
    ledger: Ledger, tmp_path: Path
) -> None:
    peer = Publisher(ledger)
    peer.raw = failing
    outcome = await caught_up(tmp_path, ledger, peer)
    assert not outcome.reached and outcome.new_alarms == ()


async def test_peers_come_and_go_and_new_blocks_are_followed(
    ledger: Ledger, tmp_path: Path
) -> None:
    first, second = Publisher(ledger), Publisher(ledger, "g1")
    with serving(first, second) as urls:
        async with watching(tmp_path, ledger, urls) as service:
            await until(lambda: service.head().height == 8)
            first.raw = failing
            ledger.append([ledger.payment()])
            await until(lambda: service.head().height == 9)
            first.raw, second.raw = (lambda _: False), failing
            ledger.append([ledger.payment()])
            await until(lambda: service.head().height == 10)
            assert service.alarms == ()


async def test_an_alarm_ends_a_follower_that_was_told_to_stop(
    ledger: Ledger, tmp_path: Path
) -> None:
    publisher = Publisher(ledger)
    publisher.evidence = [contradiction(ledger)]
    with serving(publisher) as urls:
        async with watching(tmp_path, ledger, urls, stop_on_alarm=True) as service:
            await until(lambda: bool(service.alarms))


def test_alarms_are_remembered_once_and_a_torn_line_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "alarms.jsonl"
    book = AlarmBook(path)
    facts: dict[str, Any] = {"block": 7, "source": "http://a"}
    assert book.raised("PEER_LIES", "one", 1, **facts) is not None
    assert book.raised("PEER_LIES", "the same", 2, **facts) is None
    assert book.raised("PEER_LIES", "another", 3, block=8, source="http://a") is not None
    with path.open("ab") as file:
        file.write(b'{"number": 3, "co')
    again = AlarmBook(path)
    assert [a.text for a in again.alarms] == ["one", "another"]
    assert again.raised("PEER_LIES", "the same", 4, **facts) is None
    for block in range(100):
        again.raised("PEER_LIES", "flood", 5, block=block, source="http://a")
    assert len(again.alarms) == limits.ALARMS_PER_SOURCE
