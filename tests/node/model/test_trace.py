"""Vote logs: what four real nodes signed is accepted, and what no rule permits is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ledger.block import Certificate, Header, Vote, VoteKind, assemble
from node.messages import encode_message
from node.model.alphabet import GENESIS, Alphabet
from node.model.concrete import CHAIN, key, validators
from node.model.explore import Violation
from node.model.rules import Place
from node.model.trace import Acceptor, Epoch, accept_log, side_by_side
from node.votelog import LoggedJournal
from tests.node.consensus.transcript import vote

NOTARIZE, NULLIFY, FINALIZE = VoteKind.NOTARIZE, VoteKind.NULLIFY, VoteKind.FINALIZE
BLOCK = Alphabet().block(1, GENESIS, 0)


def header(view: int) -> Header:
    return Header(CHAIN, view, view, 0, bytes(32), view, 0, 0, *[bytes(32)] * 6)


HEAD = header(0)


class Durable:
    """A journal in memory."""

    def __init__(self) -> None:
        self.records: list[bytes] = []

    def append_and_prune(self, records: list[bytes], before_sequence: int) -> None:
        self.records += records


def record(message: Vote | Certificate) -> bytes:
    kind, data = encode_message(message)
    return bytes((kind,)) + data


def acceptor() -> Acceptor:
    found = Acceptor(CHAIN, {0: Epoch(validators(4))}.get)
    found.committed(0, GENESIS)
    return found


def certificate(kind: VoteKind, view: int, block: bytes, *signers: int) -> Certificate:
    return assemble([vote(signer, kind, view, block) for signer in signers])


def test_the_keys_of_the_model_are_those_of_the_transcripts() -> None:
    assert vote(2, NULLIFY, 1).verify(CHAIN, validators(4)) and key(2).public


def test_what_the_rules_permit_is_accepted() -> None:
    node = acceptor()
    node.saved([record(vote(1, NULLIFY, 1))])
    node.saved(
        [record(certificate(NOTARIZE, 2, BLOCK, 0, 2, 3)), record(vote(1, FINALIZE, 2, BLOCK))]
    )
    assert node.votes == 2


@pytest.mark.parametrize(
    ("records", "rule"),
    [
        ([vote(1, FINALIZE, 1, BLOCK)], "R3"),
        ([vote(1, NOTARIZE, 1, BLOCK)], "R2"),
        (
            [
                certificate(NOTARIZE, 1, BLOCK, 0, 2, 3),
                vote(1, FINALIZE, 1, BLOCK),
                vote(1, NULLIFY, 1),
            ],
            "R4",
        ),
        ([certificate(NOTARIZE, 1, BLOCK, 0, 2)], "quorum"),
        ([vote(1, NULLIFY, 1), vote(2, NULLIFY, 2)], "two validators"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_no_rule_permits_is_refused(records: list[Vote | Certificate], rule: str) -> None:
    with pytest.raises(Violation, match=rule):
        acceptor().saved([record(message) for message in records])


def test_two_nodes_whose_certificates_exclude_each_other_are_not_accepted_together() -> None:
    one, other = acceptor(), acceptor()
    one.saved([record(certificate(NULLIFY, 1, bytes(32), 0, 1, 2))])
    other.saved([record(certificate(FINALIZE, 1, BLOCK, 1, 2, 3))])
    with pytest.raises(Violation, match="P2"):
        side_by_side([one, other])


def test_a_log_reads_back_as_it_was_written_and_a_torn_line_is_named(tmp_path: Path) -> None:
    path, durable = tmp_path / "votes.jsonl", Durable()
    log = LoggedJournal(durable, path, lambda: HEAD)
    log.append_and_prune([record(vote(1, NULLIFY, 1))], 0)
    lines = path.read_text().splitlines()
    assert len(durable.records) == 1 and json.loads(lines[0])["committed"]["view"] == 0
    node = Acceptor(CHAIN, {0: Epoch(validators(4))}.get)
    accept_log(lines, node)
    assert node.votes == 1
    with pytest.raises(Violation, match="line 2"):
        accept_log([lines[0], lines[1][:-9]], Acceptor(CHAIN, {0: Epoch(validators(4))}.get))


def test_an_unfinished_line_is_cut_off_when_the_log_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "votes.jsonl"
    LoggedJournal(Durable(), path, lambda: HEAD).append_and_prune([record(vote(1, NULLIFY, 1))], 0)
    whole = path.read_text()
    path.write_text(whole + whole[-30:-9])
    LoggedJournal(Durable(), path, lambda: HEAD)
    node = Acceptor(CHAIN, {0: Epoch(validators(4))}.get)
    accept_log(path.read_text().splitlines(), node)
    assert node.votes == 1


def test_a_vote_on_a_block_that_the_node_fetched_needs_no_certificate_in_its_journal(
    tmp_path: Path,
) -> None:
    fetched, path = header(1), tmp_path / "votes.jsonl"
    log = LoggedJournal(Durable(), path, lambda: fetched)
    log.append_and_prune([record(vote(1, NOTARIZE, 2, BLOCK))], 0)
    lines = path.read_text().splitlines()
    node, blind = acceptor(), acceptor()
    for each in (node, blind):
        each.places[BLOCK] = Place(2, fetched.hash(), 1)
    accept_log(lines, node)
    assert node.votes == 1
    with pytest.raises(Violation, match="R2"):
        accept_log(lines[1:], blind)


def test_each_newest_block_is_told_once(tmp_path: Path) -> None:
    path, now = tmp_path / "votes.jsonl", [header(0)]
    log = LoggedJournal(Durable(), path, lambda: now[-1])
    for view in (1, 2):
        log.append_and_prune([record(vote(1, NULLIFY, view))], 0)
    now.append(header(3))
    log.append_and_prune([record(vote(1, NULLIFY, 4))], 0)
    kinds = [next(iter(json.loads(line))) for line in path.read_text().splitlines()]
    assert kinds == ["committed", "saved", "saved", "committed", "saved"]
