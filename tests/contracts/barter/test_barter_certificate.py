"""A preference certificate tells an officer, from the genesis file alone, what customs decided."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from bartering import GEAR, LOOMS, active, ship, world
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from ledger_in_memory import key, lei
from msgspec import structs

from cli.audit import audit
from contracts.barter import certificate
from contracts.barter.certificate import from_parts, to_parts
from contracts.barter.customs import DeclareLot
from contracts.scanned import base45, from_base45
from ledger import merkle, proof
from ledger.block import Header, VoteKind, assemble, sign_vote
from ledger.codec import encode
from ledger.errors import CodedError
from ledger.genesis import Genesis, GenesisFile, dump
from ledger.keys import PrivateKey
from ledger.receipt import Receipt
from ledger.transaction import Transaction, build, transaction_id, wire_hash
from ledger.validators import Validator, ValidatorSet

KEYS = [PrivateKey(bytes((7, n)) * 16) for n in range(4)]
LEIS = ("5493001KJTIIGC8Y1R12", "549300MLUDYVRQOOXS22", "7LTWFZYICNSX8D621K86",
        "HWUPKR0MPOU8FGXBT394")  # fmt: skip
GENESIS = Genesis(
    "test",
    1_000,
    ValidatorSet(
        0,
        tuple(
            Validator(LEIS[n], f"g{n}", "CH", k.public, bytes((n,)), f"127.0.0.1:{7000 + n}")
            for n, k in enumerate(KEYS)
        ),
    ),
    b"application",
)


def proven(receipt: Receipt, padding: int = 0) -> proof.ProvenReceipt:
    """A receipt in a finalized block of :data:`GENESIS`, answered by a real transaction."""
    chain = GENESIS.chain_id
    member = key("customsBY")
    content = build(
        Transaction(chain, lei("customsBY"), (("barter.DeclareLot",),), 10**13, salt=bytes(8))
    )
    signed = content.with_signature(chain, member)
    subject = transaction_id(chain, signed.content)
    receipt = structs.replace(receipt, subject=subject)
    others = [n.to_bytes(32, "big") for n in range(padding)]
    leaves = [receipt.hash(chain), *others]
    ids = [wire_hash(chain, encode(signed)), *others]
    validators = GENESIS.validators.hash(chain)
    header = Header(
        chain_id=chain,
        height=5,
        view=9,
        epoch=0,
        parent=bytes(32),
        time=1_764_000_000_000,
        transactions=len(ids),
        receipts=len(leaves),
        transactions_root=merkle.tree_head(ids),
        receipts_root=merkle.tree_head(leaves),
        state_root=bytes(32),
        history_root=merkle.EMPTY_ROOT,
        validators_hash=validators,
        next_validators_hash=validators,
    )
    votes = [
        sign_vote(chain, KEYS[n], n, VoteKind.FINALIZE, 0, header.view, header.hash())
        for n in (0, 1, 3)
    ]
    return proof.ProvenReceipt(
        transaction=encode(signed),
        receipt=receipt,
        index=0,
        transaction_path=tuple(merkle.inclusion_path(ids, 0)),
        receipt_path=tuple(merkle.inclusion_path(leaves, 0)),
        header=header,
        history_path=(),
        finality=proof.Finality(header, assemble(votes)),
    )


def customs_receipt(lots: int = 1) -> tuple[Receipt, list[bytes]]:
    """The real receipt of customs' decisions on some lots in one transaction."""
    ledger = world()
    made = active(ledger)
    ids = [ship(ledger, made.id, 2).id for _ in range(lots)]
    ops = [DeclareLot(id, True, "BY-77", "10226010/2026/1") for id in ids]
    return ledger.must("customsBY", *ops), ids


@pytest.fixture(scope="module")
def relieved() -> tuple[proof.ProvenReceipt, bytes]:
    receipt, ids = customs_receipt()
    return proven(receipt, padding=1_000), ids[0]


def test_a_certificate_verifies_from_the_genesis_alone(
    relieved: tuple[proof.ProvenReceipt, bytes],
) -> None:
    made = certificate.read(certificate.write(certificate.make(relieved[0])))
    stated = certificate.verify(made, GENESIS)
    assert stated.granted.lot == relieved[1]
    assert (stated.granted.country, stated.granted.quantity) == ("BY", 2)
    assert (stated.granted.shipper, stated.granted.receiver) == (lei(GEAR), lei(LOOMS))
    assert stated.signers.names == ("g0", "g1", "g3")


def test_qr_codes_carry_the_same_statement_in_two_symbols(
    relieved: tuple[proof.ProvenReceipt, bytes],
) -> None:
    made = certificate.make(relieved[0])
    parts = to_parts(certificate.compact(made))
    assert len(parts) == 2
    scanned = from_parts([*reversed(parts), parts[0]])
    assert certificate.verify_compact(scanned, GENESIS) == certificate.verify(made, GENESIS)


def test_a_lost_or_foreign_part_is_named(relieved: tuple[proof.ProvenReceipt, bytes]) -> None:
    parts = to_parts(certificate.compact(certificate.make(relieved[0])))
    for texts, words in (
        (parts[:1], "2 is missing"),
        ([], "0 certificates"),
        (["http://example.org"], "no part"),
        ([parts[0], parts[1][:-3] + "000"], "do not fit"),
    ):
        with pytest.raises(CodedError, match=words):
            from_parts(texts)


def test_no_altered_certificate_is_believed(relieved: tuple[proof.ProvenReceipt, bytes]) -> None:
    made = certificate.compact(certificate.make(relieved[0]))
    event = made.receipt.events[0]
    more = (*event[:10], 20_000, *event[11:])
    foreign = structs.replace(made.header, chain_id=bytes(32))
    altered: list[Any] = [
        structs.replace(made, lot=bytes(32)),
        structs.replace(made, receipt=structs.replace(made.receipt, events=(more,))),
        structs.replace(made, index=1),
        structs.replace(made, header=structs.replace(made.header, time=5)),
        structs.replace(made, header=foreign),
        structs.replace(made, certified=structs.replace(made.header, epoch=1)),
        structs.replace(
            made,
            certificate=structs.replace(
                made.certificate, signatures=made.certificate.signatures[:2]
            ),
        ),
    ]
    for one in altered:
        with pytest.raises(CodedError):
            certificate.verify_compact(one, GENESIS)


def test_the_lot_is_named_where_a_receipt_relieves_several() -> None:
    receipt, ids = customs_receipt(3)
    whole = proven(receipt)
    with pytest.raises(CodedError, match="3 lots"):
        certificate.make(whole)
    made = certificate.make(whole, ids[1])
    assert certificate.verify(made, GENESIS).granted.lot == ids[1]
    with pytest.raises(CodedError, match="does not relieve"):
        certificate.make(whole, bytes(32))


def test_a_receipt_too_long_for_codes_says_what_to_do() -> None:
    receipt, ids = customs_receipt(60)
    with pytest.raises(CodedError, match="one lot per transaction"):
        to_parts(certificate.compact(certificate.make(proven(receipt), ids[0])))


@given(st.binary(max_size=200))
def test_base45_gives_back_every_byte_string(data: bytes) -> None:
    assert from_base45(base45(data)) == data


@given(st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:", max_size=30))
def test_one_byte_string_has_one_base45_text(text: str) -> None:
    try:
        data = from_base45(text)
    except CodedError as error:
        assert error.code.name == "MALFORMED"
    else:
        assert base45(data) == text


def test_the_command_exports_and_verifies(
    tmp_path: Path, relieved: tuple[proof.ProvenReceipt, bytes]
) -> None:
    file = GenesisFile(GENESIS, {})
    for private in KEYS:
        file = file.approve(private)
    (tmp_path / "g.json").write_text(dump(file))
    (tmp_path / "r.receipt").write_bytes(proof.write(relieved[0]))
    runner = CliRunner()

    def run(*words: str) -> Any:
        spelled = [str(tmp_path / w[1:]) if w.startswith("@") else w for w in words]
        return runner.invoke(audit, ["preference-certificate", *spelled])

    made = run("export", "@r.receipt", "--genesis", "@g.json", "--out", "@c.iic",
               "--qr", "@c.svg", "--text", "@c.txt", "--json")  # fmt: skip
    assert made.exit_code == 0, made.output
    assert sorted(p.name for p in tmp_path.glob("c*")) == ["c-1.svg", "c-2.svg", "c.iic", "c.txt"]
    for name in ("@c.iic", "@c.txt"):
        seen = run("verify", name, "--genesis", "@g.json", "--json")
        assert seen.exit_code == 0, seen.output
        assert json.loads(seen.output)["lot"] == relieved[1].hex()
    shown = run("verify", "@c.iic", "--genesis", "@g.json")
    assert "customs of BY relieved lot" in shown.output
    again = run("export", "@r.receipt", "--genesis", "@g.json", "--out", "@c.iic")
    assert again.exit_code == 6
    data = (tmp_path / "c.iic").read_bytes()
    (tmp_path / "c.iic").write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert run("verify", "@c.iic", "--genesis", "@g.json").exit_code in {1, 6}
