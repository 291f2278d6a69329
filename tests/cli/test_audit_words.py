"""An auditor finds the words that a signer was shown again, from a file or from bytes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli import txfile
from cli.describe import describe
from cli.main import main
from contracts.currency.operations import Leg, Transfer
from contracts.framework.operation import write_operation
from contracts.framework.render import LANGUAGES
from contracts.framework.statement import statement
from ledger.transaction import Transaction

LEI = "529900T8BM49AURSDO55"
FILE = txfile.build(
    "test",
    Transaction(
        bytes(range(32)),
        LEI,
        (write_operation(Transfer((Leg(LEI, 150_000, "INV-42"),))),),
        1_790_000_000_000,
        "INV-42",
    ),
)


def words(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["audit", "words", *arguments])


@pytest.fixture
def path(tmp_path: Path) -> str:
    path = tmp_path / "payment.tx"
    txfile.save(path, FILE, describe)
    return str(path)


def test_a_transaction_file_is_told_in_every_language(path: str) -> None:
    told = json.loads(words(path, "--json").stdout)
    assert set(told) == set(LANGUAGES)
    for language, said in told.items():
        mine = statement(FILE.transaction, language)
        assert (said["text"], said["sha256"]) == (mine.text, mine.sha256.hex())


@pytest.mark.parametrize("data", [FILE.signed.content, FILE.wire], ids=["content", "envelope"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_text_alone_has_the_hash_that_was_shown(data: bytes, language: str) -> None:
    text = words("--tx", data.hex(), "--lang", language, "--text").stdout_bytes
    assert hashlib.sha256(text).digest() == statement(FILE.transaction, language).sha256


def test_words_that_were_tampered_with_are_refused(path: str) -> None:
    document = json.loads(Path(path).read_text())
    document["decoded"]["operations"][0]["legs"][0]["amount"] = "15.00"
    Path(path).write_text(json.dumps(document))
    refused = words(path, "--json")
    assert refused.exit_code != 0
    assert json.loads(refused.stdout)["error"]["code"] == "BAD_TRANSACTION_FILE"


@pytest.mark.parametrize("arguments", [(), ("a", "--tx", "00"), ("--tx", "zz")])
def test_a_wrong_command_line_is_a_usage_error(arguments: tuple[str, ...]) -> None:
    assert words(*arguments).exit_code == 2


@pytest.mark.parametrize("data", ["", "00", "c0", FILE.wire.hex()[:-2]])
def test_bytes_that_are_no_transaction_are_refused(data: str) -> None:
    assert words("--tx", data, "--json").exit_code != 0
