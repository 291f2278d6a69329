"""Confidential annexes between members of a real ledger, by the wallet's commands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.command_line import Iic

URAL, VOLGA = ("--as", "Ural Gear Works"), ("--as", "Volga Bearings")
SECRET = "the price is 12 per piece\n"


@pytest.fixture(scope="module")
def iic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Iic]:
    """A sandbox in which both sides have registered encryption keys."""
    folder = tmp_path_factory.mktemp("annex")
    command = Iic(folder)
    ok(command("sandbox", "start", "sandbox", "--json"))
    (folder / "prices.txt").write_text(SECRET)
    for profile in (URAL, VOLGA):
        ok(command("wallet", "annex", "key", "--yes", "--json", *profile))
    yield command
    assert command("sandbox", "stop", "sandbox").status == 0


def ok(done: Any) -> Any:
    assert done.status == 0, done.out + done.err
    return done.json


def sealed(iic: Iic, name: str) -> None:
    ok(
        iic("wallet", "annex", "seal", "prices.txt", "--title", "price list", "--party",
            "Volga Bearings", "--annex", name, "--yes", "--json", *URAL)
    )  # fmt: skip


def test_the_other_party_reads_it_and_can_prove_it_to_anybody(iic: Iic) -> None:
    sealed(iic, "one.annex")
    assert SECRET.encode() not in (iic.folder / "one.annex").read_bytes()
    opened = ok(iic("wallet", "annex", "open", "one.annex", "--into", "read.txt", "--json", *VOLGA))
    assert (iic.folder / "read.txt").read_text() == SECRET
    proved = ok(
        iic("wallet", "annex", "verify", "one.annex", "--content", "read.txt", "--salt",
            opened["salt"], "--json", *URAL)
    )  # fmt: skip
    assert proved["content_verified"] is True
    (iic.folder / "other.txt").write_text(SECRET.replace("12", "21"))
    lie = iic("wallet", "annex", "verify", "one.annex", "--content", "other.txt", "--salt",
              opened["salt"], "--json", *URAL)  # fmt: skip
    assert lie.code == "ANNEX_DAMAGED"


def test_who_was_not_given_the_key_cannot_read_and_a_changed_file_is_told(iic: Iic) -> None:
    ok(
        iic("wallet", "annex", "seal", "prices.txt", "--title", "own notes", "--annex",
            "own.annex", "--yes", "--json", *URAL)
    )  # fmt: skip
    closed = iic("wallet", "annex", "open", "own.annex", "--into", "no.txt", "--json", *VOLGA)
    assert closed.code == "ANNEX_NOT_FOR_YOU"
    refused = iic("wallet", "annex", "grant", "own.annex", "--to", "Volga Bearings", "--reason",
                  "a favour", "--yes", "--json", *URAL)  # fmt: skip
    assert refused.code == "NOT_A_RECIPIENT"
    content = bytearray((iic.folder / "own.annex").read_bytes())
    content[-1] ^= 1
    (iic.folder / "changed.annex").write_bytes(content)
    assert (
        iic("wallet", "annex", "verify", "changed.annex", "--json", *URAL).code == "ANNEX_DAMAGED"
    )


def test_after_a_new_key_a_grant_opens_old_annexes_again(iic: Iic) -> None:
    sealed(iic, "two.annex")
    ok(iic("wallet", "annex", "key", "--yes", "--json", *VOLGA))
    ok(
        iic("wallet", "annex", "grant", "two.annex", "--to", "Volga Bearings", "--reason",
            "its new key", "--yes", "--json", *URAL)
    )  # fmt: skip
    ok(iic("wallet", "annex", "open", "two.annex", "--into", "again.txt", "--json", *VOLGA))
    assert (iic.folder / "again.txt").read_text() == SECRET
