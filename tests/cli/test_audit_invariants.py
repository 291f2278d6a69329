"""The audit of invariants finds what is wrong in a store, names it, and believes nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from msgspec import structs

from cli.main import main
from contracts.currency.supply_operations import AttestReserve, RequestIssue
from contracts.executor import BlockInput, execute_block, read_candidate
from contracts.framework.operation import Operation, write_operation
from contracts.framework.posting import BALANCE, Balance
from contracts.genesis import application_genesis, found
from contracts.history import Replay
from ledger import statetree
from ledger.block import Header
from ledger.codec import decode_trusted, encode
from ledger.genesis import Genesis, GenesisFile, dump
from ledger.keys import PrivateKey
from ledger.merkle import EMPTY_ROOT
from ledger.receipt import Posting, read_receipt
from ledger.state import MemoryMap, State
from ledger.store.chain import first_block
from ledger.store.disk import open_store
from ledger.store.interface import BlockCommit, Row
from ledger.transaction import KeySignature, SignedTransaction, Transaction, build
from ledger.validators import Validator, ValidatorSet
from tests.contracts.ledger_in_memory import (
    CALENDAR,
    START,
    institutions,
    key,
    lei,
    member,
)

URAL, VOLGA = "Ural Gear", "Volga Bearings"
EVIDENCE = bytes(range(32))


class Books:
    """A ledger on disk whose blocks hold no certificates: the audit is of the books alone."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "ledger"
        voting = PrivateKey(b"v" * 32)
        validator = Validator(lei("guarantorKZ"), "g", "KZ", voting.public, b"", "g.invalid:1")
        application = application_genesis(CALENDAR, (*institutions(), member(URAL), member(VOLGA)))
        self.genesis = Genesis("test", START, ValidatorSet(0, (validator,)), encode(application))
        self.document = folder / "genesis.json"
        self.document.write_text(dump(GenesisFile(self.genesis, {}).approve(voting)))
        state = found(application, START, self.genesis.validators).changes()
        self.content = MemoryMap()
        self.content.apply(state)
        self.pages: dict[bytes, bytes | None] = {}
        self.chain: list[tuple[Header, tuple[Row, ...]]] = []
        first = first_block(self.genesis, {k: v for k, v in state.items() if v is not None})
        self.pages.update(first.pages)
        self._commit(first)
        self.header: Header = first.header
        self.recorded: set[bytes] = set()

    def block(
        self,
        author: str,
        *ops: Operation,
        also: tuple[str, ...] = (),
        extra: Mapping[bytes, bytes | None] | None = None,
        posting: Posting | None = None,
    ) -> None:
        """One transaction in a block of its own, honest unless told otherwise."""
        time, chain = self.header.time + 1_000, self.genesis.chain_id
        plain = tuple(map(write_operation, ops))
        signed = build(Transaction(chain, lei(author), plain, time + 60_000, "", b"saltsalt"))
        for name in (author, *also):
            signed = signed.with_signature(chain, key(name))
        candidate = read_candidate(chain, encode(signed))
        height = self.header.height + 1
        execution = execute_block(
            State(self.content),
            BlockInput(chain, height, time),
            [candidate],
            self.recorded.__contains__,
        )
        receipts = [encode(r) for r in execution.receipts]
        if posting is not None:
            receipts[-1] = encode(_with_posting(receipts[-1], posting))
        changes = {**execution.overlay.changes(), **(extra or {})}
        below = statetree.LayeredPages(statetree.NoPages(), self.pages)
        tree = statetree.update(chain, below, changes)
        fields = {f: getattr(self.header, f) for f in self.header.__struct_fields__}
        fields |= {"height": height, "view": height, "parent": self.header.hash(), "time": time}
        fields |= {"state_root": tree.root, "transactions": len(execution.included)}
        fields |= {"receipts": len(receipts), "transactions_root": EMPTY_ROOT}
        fields["history_root"] = self.history.root()
        self.header = Header(**fields)
        wires = [b""] * (len(receipts) - len(execution.included))
        wires += [c.wire for c in execution.included]
        rows = tuple(map(Row, wires, receipts))
        recorded = {c.id: c.transaction.valid_until for c in execution.included}
        self._commit(BlockCommit(self.header, None, rows, recorded, changes, tree.pages))
        self.content.apply(changes)
        self.pages.update(tree.pages)
        self.recorded.update(recorded)

    def _commit(self, block: BlockCommit) -> None:
        """Open, write, close: the audit opens the store by itself."""
        store = open_store(self.path)
        store.commit(block)
        self.history = store.history()
        store.close()
        self.chain.append((block.header, tuple(block.rows)))

    def audit(self, *options: str) -> Result:
        """The command, beside the open store."""
        return CliRunner().invoke(main, ["audit", "invariants", str(self.path), *options])

    def findings(self, *options: str) -> dict[int, list[dict[str, Any]]]:
        """Violations by number; the exit status fits them."""
        result = self.audit("--json", *options)
        body = json.loads(result.stdout)
        wrong = {i["number"]: i["violations"] for i in body["invariants"] if not i["holds"]}
        assert result.exit_code == (1 if wrong else 0)
        assert body["holding"] == 16 - len(wrong)
        return wrong


def _with_posting(receipt: bytes, posting: Posting) -> Any:
    found = read_receipt(receipt)
    return structs.replace(found, postings=(*found.postings, posting))


@pytest.fixture
def books(tmp_path: Path) -> Books:
    made = Books(tmp_path)
    made.block("issuerKZ", AttestReserve("KZ", 5_000, EVIDENCE), also=("guarantorKZ",))
    return made


def with_genesis(books: Books) -> tuple[str, str]:
    return "--genesis", str(books.document)


def test_an_honest_ledger_keeps_all_sixteen(books: Books) -> None:
    assert books.findings() == {}
    assert books.findings(*with_genesis(books)) == {}
    shown = books.audit(*with_genesis(books))
    assert "16 invariants hold at height 1" in shown.stdout
    assert books.audit("-q").stdout == ""


def test_money_from_nowhere_is_named_with_its_account(books: Books) -> None:
    account = f"{lei(URAL)}/avail"
    forged = {BALANCE.key(account, "SCU"): encode(Balance(7, 1, 2, 0))}
    books.block(
        "issuerKZ", AttestReserve("KZ", 6_000, EVIDENCE), also=("guarantorKZ",), extra=forged
    )
    wrong = books.findings()
    assert {1, 2, 16} <= set(wrong)
    assert any(account in v["what"] for v in wrong[16])
    assert set(books.findings(*with_genesis(books))) >= {1, 2, 16}
    shown = books.audit()
    assert shown.exit_code == 1 and "BROKEN" in shown.stdout and account in shown.stdout


def test_a_receipt_that_says_more_than_happened_is_found(books: Books) -> None:
    invented = Posting(f"{lei(URAL)}/avail", "SCU", 5, 5, 1, (0, 0))
    books.block(
        "issuerKZ", AttestReserve("KZ", 7_000, EVIDENCE), also=("guarantorKZ",), posting=invented
    )
    assert {1, 16} <= set(books.findings())


def test_a_transaction_without_its_authors_signature_breaks_twelve(books: Books) -> None:
    books.block(URAL, RequestIssue("KZ", 5))
    assert books.findings(*with_genesis(books)) == {}
    *before, (header, (*_, row)) = books.chain
    signed = decode_trusted(row.wire, SignedTransaction)
    forged = SignedTransaction(signed.content, (KeySignature(signed.signatures[0].key, bytes(64)),))
    replay = Replay(books.genesis)
    for earlier, rows in before:
        assert list(replay.block(earlier, rows)) == []
    found = list(replay.block(header, [Row(encode(forged), row.receipt)]))
    assert {f.number for f in found} == {12, 16}


def test_another_ledgers_genesis_is_refused(books: Books, tmp_path: Path) -> None:
    voting = PrivateKey(b"v" * 32)
    genesis = Genesis("other", START, books.genesis.validators, books.genesis.application)
    other = tmp_path / "other.json"
    other.write_text(dump(GenesisFile(genesis, {}).approve(voting)))
    result = books.audit("--genesis", str(other), "--json")
    assert result.exit_code != 0
    assert "another" in json.loads(result.stdout)["error"]["message"]


def test_a_missing_store_is_local_trouble(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["audit", "invariants", str(tmp_path / "none"), "--json"])
    assert result.exit_code == 6
