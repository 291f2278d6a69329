"""A case file holds the whole history, stands by itself, and no byte of it can be changed."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from cli.case import archive, contents
from cli.case.commands import verify
from cli.keystore import Keystore
from cli.main import main
from contracts.annex.records import ANNEX, Annex
from contracts.barter.records import CONTRACT_TABLE, Contract
from contracts.currency.operations import ReleaseEscrow
from contracts.extracts import case as cases
from contracts.extracts.source import StoreSource, object_machines, subjects_in
from contracts.framework.party import PARTY
from ledger.errors import CodedError
from ledger.genesis import Genesis
from ledger.keys import PrivateKey
from ledger.receipt import Place, Receipt, read_receipt
from ledger.state import State
from tests.cli.generated import GENESIS, genesis_file, played
from tests.cli.recorded import Recorded


@pytest.fixture(scope="module")
def source(scenario: Recorded) -> StoreSource:
    return StoreSource(scenario.memory, scenario.genesis)


@pytest.fixture(scope="module")
def contract(scenario: Recorded) -> Contract:
    """A contract with lots, guarantees and a confidential annex."""
    state = State(scenario.memory)
    about = next(annex.about for _, annex in state.scan(ANNEX))
    assert about is not None
    found = state.get(CONTRACT_TABLE, about)
    assert found is not None
    return found


def packed(source: StoreSource, subject: bytes, language: str = "en") -> bytes:
    found = cases.gather(source, subject)
    told = cases.read(found, subject)
    return archive.pack(contents.entries(told, found, {}, language))


@pytest.fixture(scope="module")
def file(source: StoreSource, contract: Contract) -> bytes:
    return packed(source, contract.id)


def receipts(scenario: Recorded) -> list[tuple[Place, Receipt]]:
    """Every receipt of the ledger, read without any index."""
    store = scenario.memory
    assert store.head is not None
    return [
        ((height, index), read_receipt(row.receipt))
        for height in range(1, store.head.height + 1)
        for index, row in enumerate(store.rows(height))
    ]


def test_every_kind_of_object_makes_a_file_that_verifies(
    scenario: Recorded, source: StoreSource
) -> None:
    state, kinds = State(scenario.memory), set()
    for name, machine in object_machines().items():
        for _, record in state.scan(machine.table):
            told, *_ = verify(packed(source, record.id), scenario.genesis)
            assert told.kind == name and told.steps
            kinds.add(name)
    assert len(kinds) >= 20 and {"barter", "guarantee", "dispute", "escrow"} <= kinds


def test_a_contract_brings_its_lots_guarantees_and_annexes_and_every_receipt_about_them(
    scenario: Recorded, file: bytes, contract: Contract
) -> None:
    told, *_ = verify(file, scenario.genesis)
    kinds = {found.kind for found in told.objects}
    assert {"barter", "barter.lot", "guarantee", "annex"} <= kinds
    ids = {found.id for found in told.objects}
    ends = tuple(f"/{id.hex()}" for id in ids)
    expected = [
        place
        for place, receipt in receipts(scenario)
        if not ids.isdisjoint(subjects_in(receipt))
        or any(posting.account.endswith(ends) for posting in receipt.postings)
    ]
    applied = [step.place for step in told.steps if step.summary.receipt.applied]
    assert applied == expected
    assert told.accounts and all(a.account.split("/")[-1] in "".join(ends) for a in told.accounts)


def test_what_a_party_attempted_in_vain_comes_along_and_nothing_else_of_it() -> None:
    town = played([("issue", ("Ural Gear", "Volga Bearings"), 9_000, 1_000)])
    town.set_aside("Ural Gear", "Volga Bearings", 500, 1_000)
    escrow = town.escrows[0][1]
    refused = town.act("Volga Bearings", ReleaseEscrow(escrow))
    other = town.act("Volga Bearings", ReleaseEscrow(bytes(32)))
    assert not refused.applied and not other.applied
    source = StoreSource(town.store, GENESIS)
    told, *_ = verify(packed(source, escrow), GENESIS)
    subjects = [step.summary.subject for step in told.steps]
    assert refused.subject in subjects and other.subject not in subjects


def test_a_member_brings_every_posting_of_its_accounts(
    scenario: Recorded, source: StoreSource
) -> None:
    lei = "DEMO00RUURALGEAR0110"
    told, *_ = verify(packed(source, lei.encode()), scenario.genesis)
    expected = [
        place
        for place, receipt in receipts(scenario)
        if lei.encode() in subjects_in(receipt)
        or any(posting.account.startswith(f"{lei}/") for posting in receipt.postings)
    ]
    assert set(expected) <= {step.place for step in told.steps}
    own = {a for a, _ in source.accounts(lei)}
    assert {account.account for account in told.accounts} == own


def test_every_signature_in_every_members_file_is_by_a_key_in_force(
    scenario: Recorded, source: StoreSource
) -> None:
    uses = ended = 0
    for _, party in State(scenario.memory).scan(PARTY):
        subject = party.lei.encode()
        for use in cases.read(cases.gather(source, subject), subject).keys:
            uses += 1
            ended += use.ended is not None
            assert use.owner and (use.valid or not use.name), use
    assert uses > 300 and ended > 0


def test_the_same_case_always_makes_the_same_bytes(
    source: StoreSource, contract: Contract, file: bytes
) -> None:
    assert packed(source, contract.id) == file


def test_texts_and_timeline_are_in_every_language(source: StoreSource, contract: Contract) -> None:
    for language, title in (("en", "Case file"), ("ru", "Материалы дела"), ("zh", "案卷")):
        found = archive.unpack(packed(source, contract.id, language))
        page = found["timeline.html"]
        tree = etree.fromstring(page, etree.HTMLParser())
        assert title in page.decode() and not tree.xpath("//@src | //@href | //script")
        texts = [name for name in found if name.startswith("texts/")]
        assert {name.split(".")[-2] for name in texts} == {"en", "ru", "zh"}


@given(st.data())
@settings(max_examples=60)
def test_one_changed_byte_anywhere_is_found_and_located(
    scenario: Recorded, file: bytes, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(file) - 1))
    bit = data.draw(st.sampled_from((1, 2, 4, 8, 16, 32, 64, 128)))
    changed = file[:at] + bytes([file[at] ^ bit]) + file[at + 1 :]
    with pytest.raises(CodedError) as error:
        verify(changed, scenario.genesis)
    inside = entry_at(file, at)
    if inside:
        assert inside in error.value.message


def entry_at(file: bytes, at: int) -> str:
    """The entry whose content holds a byte of an archive; empty for its headers."""
    with zipfile.ZipFile(io.BytesIO(file)) as opened:
        for about in opened.infolist():
            start = about.header_offset + 30 + len(about.filename)
            if start <= at < start + about.file_size:
                return about.filename
    return ""


@given(st.data())
@settings(max_examples=40)
def test_an_archive_packed_again_with_one_entry_changed_names_that_entry(
    scenario: Recorded, file: bytes, data: st.DataObject
) -> None:
    entries = archive.unpack(file)
    name = data.draw(st.sampled_from(sorted(entries)))
    content = entries[name]
    at = data.draw(st.integers(0, len(content) - 1))
    entries[name] = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
    with pytest.raises(CodedError) as error:
        verify(archive.pack(entries), scenario.genesis)
    assert name in error.value.message


def test_a_posting_that_is_left_out_is_missed_even_if_everything_else_is_made_to_fit(
    scenario: Recorded, source: StoreSource, contract: Contract
) -> None:
    found = cases.gather(source, contract.id)
    told = cases.read(found, contract.id)
    account = told.accounts[0]
    lost = found.movements(account.account, account.unit)[0].place
    del found.receipts[lost], found.summaries[lost]
    with pytest.raises(CodedError) as error:
        cases.read(found, contract.id)
    assert error.value.code.name == "BAD_PROOF" and account.account in error.value.message


def test_a_foreign_receipt_does_not_slip_in(
    scenario: Recorded, source: StoreSource, file: bytes
) -> None:
    entries = archive.unpack(file)
    other = archive.unpack(packed(source, b"DEMO00RUURALGEAR0110"))
    name = next(n for n in sorted(other) if n.startswith("receipts/") and n not in entries)
    entries[name] = other[name]
    with pytest.raises(CodedError):
        verify(archive.pack(entries), scenario.genesis)


def run(*arguments: object) -> Any:
    return CliRunner().invoke(main, ["audit", *map(str, arguments)])


def test_an_annex_is_opened_with_a_key_that_it_was_sealed_to_and_proven_without(
    scenario: Recorded, contract: Contract, tmp_path: Path
) -> None:
    cabinet = scenario.stage.script.cabinet
    sealed = tmp_path / "rebates.annex"
    sealed.write_bytes(cabinet.annexes["rebates"].data)
    password = tmp_path / "password"
    password.write_text("open sesame\n")
    password.chmod(0o600)
    keystore = tmp_path / "auditor.encryption"
    seed = cabinet._cast.derive("guarantor-cn", "encryption").seed()
    Keystore.create(keystore, "open sesame", {"encryption-1": PrivateKey(seed)}, label="keys")
    out = tmp_path / "case.zip"
    ledger = ("--store", scenario.folder, "--genesis", scenario.genesis_file)
    keys = ("--keystore", keystore, "--password-file", password)
    done = run("case", contract.id.hex(), *ledger, "--annex", sealed, *keys, "-o", out)
    assert done.exit_code == 0, done.output
    verified = run("verify-case", out, "--genesis", scenario.genesis_file, "--json")
    body = json.loads(verified.stdout)
    assert verified.exit_code == 0 and body["annexes_opened"] == 1 and body["cannot_prove"]
    entries = archive.unpack(out.read_bytes())
    content = next(name for name in entries if name.endswith("/content"))
    assert b"3 percent" in entries[content]
    entries[content] = entries[content].replace(b"3 percent", b"4 percent")
    out.write_bytes(archive.pack(entries))
    refused = run("verify-case", out, "--genesis", scenario.genesis_file)
    assert refused.exit_code == 1 and content.split("/")[1] in refused.output


def test_without_a_key_only_the_commitment_is_there(
    scenario: Recorded, file: bytes, contract: Contract
) -> None:
    told, _, entries, handed = verify(file, scenario.genesis)
    (annex,) = told.annexes
    assert isinstance(annex.record, Annex) and annex.record.about == contract.id
    assert not handed and not [name for name in entries if name.startswith("annexes/")]


def test_a_file_of_another_ledger_is_refused(
    scenario: Recorded, file: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "case.zip"
    path.write_bytes(file)
    refused = run("verify-case", path, "--genesis", genesis_file(tmp_path))
    assert refused.exit_code != 0 and "WRONG_CHAIN" in refused.output


@pytest.mark.parametrize(
    ("object", "code"),
    [("ff" * 32, "NOT_FOUND"), ("gears", "NO_SUCH_ID"), ("0" * 20, "NO_SUCH_ID")],
)
def test_what_is_no_object_is_named_and_nothing_is_written(
    scenario: Recorded, tmp_path: Path, object: str, code: str
) -> None:
    out = tmp_path / "case.zip"
    ledger = ("--store", scenario.folder, "--genesis", scenario.genesis_file)
    done = run("case", object, *ledger, "-o", out)
    assert done.exit_code != 0 and code in done.output and not out.exists()


@given(st.binary(max_size=400))
def test_no_bytes_crash_the_verifier(data: bytes) -> None:
    genesis: Genesis | None = None
    with pytest.raises(CodedError):
        verify(data, genesis)  # type: ignore[arg-type]  # never reached
