"""The wallet against four real nodes: what it says happened did happen, and exit codes tell."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.keystore import Kdf, Keystore
from tests.e2e.command_line import Iic

PASSWORD = "demo demo demo"


@pytest.fixture(scope="module")
def iic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Iic]:
    """A kept demo ledger, and the command set up for Ural Gear Works."""
    folder = tmp_path_factory.mktemp("wallet")
    command = Iic(folder)
    played = command("demo", "--keep", folder / "demo", "--json")
    assert played.status == 0, played.out + played.err
    yield command
    assert command("demo", "stop", folder / "demo").status == 0


def balance(iic: Iic, *options: str) -> int:
    answer = iic("wallet", "balance", "--json", *options)
    assert answer.status == 0, answer.out
    assert answer.json["proven"] is True
    return int(answer.json["available"])


def pay(iic: Iic, *arguments: object) -> Any:
    done = iic("wallet", "pay", *arguments, "--yes", "--json")
    assert done.status == 0, done.out + done.err
    return done.json


def test_a_payment_is_final_and_moves_exactly_its_amount(iic: Iic) -> None:
    payer, payee = balance(iic), balance(iic, "--profile", "demo-volga-bearings")
    done = pay(iic, "Volga Bearings", "1,500.00", "--ref", "INV-1")
    assert done["status"] == "final" and done["signatures"] >= 3
    assert balance(iic) == payer - 150_000
    assert balance(iic, "--profile", "demo-volga-bearings") == payee + 150_000


def test_a_payment_leaves_a_receipt_that_verifies_without_any_node(iic: Iic) -> None:
    done = pay(iic, "Volga Bearings", "2.00")
    genesis = iic.folder / "demo" / "genesis.json"
    verified = iic("audit", "verify-receipt", done["receipt"], "--genesis", genesis, "--json")
    assert verified.status == 0
    assert verified.json["id"] == done["id"] and verified.json["status"] == "final"
    assert verified.json["operations"][0]["legs"][0]["amount"] == "2.00"


def test_a_receipt_with_one_changed_byte_is_refused(iic: Iic) -> None:
    done = pay(iic, "Volga Bearings", "3.00")
    path = iic.folder / done["receipt"]
    content = bytearray(path.read_bytes())
    genesis = iic.folder / "demo" / "genesis.json"
    forged = iic.folder / "forged.receipt"
    for at in range(0, len(content), len(content) // 12):
        forged.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        checked = iic("audit", "verify-receipt", forged, "--genesis", genesis, "--json", "-q")
        assert checked.status != 0, f"byte {at} may be changed unnoticed"


def test_more_than_there_is_is_refused_before_anything_is_sent(iic: Iic) -> None:
    refused = iic("wallet", "pay", "Volga Bearings", "99999999", "--yes", "--json")
    assert refused.status == 3 and refused.code == "INSUFFICIENT_FUNDS"
    assert "Nothing was sent" in refused.json["error"]["hint"]


def test_a_refusal_of_the_ledger_is_told_with_its_id_and_height(iic: Iic) -> None:
    refused = iic("wallet", "currency", "transfer", "--yes", "--json",
                  "--legs", "payee=Onega Trading House; amount=1.00")  # fmt: skip
    assert refused.status == 3 and refused.code == "STANDING_FORBIDS"
    error = refused.json["error"]
    asked = iic("wallet", "status", error["id"], "--json")
    assert asked.status == 3
    assert asked.json["status"] == "refused" and asked.json["height"] == error["height"]


def test_the_same_reference_pays_once(iic: Iic) -> None:
    pay(iic, "Volga Bearings", "4.00", "--ref", "ONCE")
    again = iic("wallet", "pay", "Volga Bearings", "4.00", "--ref", "ONCE", "--yes", "--json")
    assert again.status == 3 and again.code == "DUPLICATE_REFERENCE"


def test_the_same_bytes_pay_once(iic: Iic) -> None:
    before = balance(iic)
    iic("wallet", "pay", "Volga Bearings", "5.00", "--out", "same.tx")
    iic("wallet", "tx", "sign", "same.tx", "--yes")
    first = iic("wallet", "tx", "submit", "same.tx", "--json")
    second = iic("wallet", "tx", "submit", "same.tx", "--json")
    assert first.status == second.status == 0
    assert (first.json["height"], first.json["index"]) == (
        second.json["height"],
        second.json["index"],
    )
    assert balance(iic) == before - 500


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        (("pay", "Nobody Ltd", "1.00"), 2, "NO_SUCH_PARTY"),
        (("pay", "Gear Works and others", "1"), 2, "NO_SUCH_PARTY"),
        (("pay", "issue", "1.00"), 2, "AMBIGUOUS_PARTY"),
        (("pay", "DEMO00RUVOLGABEA0164", "1.00"), 2, "NO_SUCH_PARTY"),
        (("status", "00" * 32), 4, None),
        (("balance", "--node", "http://127.0.0.1:9", "--profile", "demo"), 5, "NODE_UNREACHABLE"),
        (("pay", "Volga Bearings", "1.00", "--keystore", "none"), 6, "FILE_MISSING"),
        (("balance", "--profile", "none"), 6, "BAD_PROFILE"),
    ],
)
def test_exit_codes_tell_what_kind_of_trouble_it_is(
    iic: Iic, arguments: tuple[str, ...], status: int, code: str | None
) -> None:
    yes = ["--yes"] if arguments[0] == "pay" else []
    ended = iic("wallet", *arguments, *yes, "--json")
    assert ended.status == status, ended.out + ended.err
    if code is not None:
        assert ended.code == code


@pytest.mark.parametrize("amount", ["0", "-1", "1.005", "1,5", "abc", "92233720368547758.08"])
def test_amounts_that_are_none_are_usage_errors(iic: Iic, amount: str) -> None:
    assert iic("wallet", "pay", "Volga Bearings", "--yes", "--", amount).status == 2


def test_nothing_is_sent_without_confirmation(iic: Iic) -> None:
    before = balance(iic)
    asked = iic("wallet", "pay", "Volga Bearings", "6.00", "--json", typed="y\n")
    assert asked.status == 2 and asked.code == "CONFIRMATION_NEEDED"
    assert balance(iic) == before


def test_no_wait_returns_at_once_and_status_follows_it_to_the_end(iic: Iic) -> None:
    sent = iic("wallet", "pay", "Volga Bearings", "7.00", "--no-wait", "--yes", "--json")
    assert sent.status == 0 and sent.json["status"] in ("pending", "final")
    ended = iic("wallet", "status", sent.json["id"], "--wait", "20s", "--json")
    assert ended.status == 0 and ended.json["status"] == "final"


@pytest.fixture
def machines(iic: Iic, tmp_path: Path) -> tuple[Path, Path]:
    """Keystores of the clerk and of the treasurer, on two machines."""
    held = Keystore.open(iic.folder / "demo/keystores/ural-gear.keystore", PASSWORD)
    paths = []
    for name in ("clerk", "treasurer"):
        path = tmp_path / f"{name}.keystore"
        Keystore.create(path, PASSWORD, {name: held.key(name)}, kdf=Kdf(1, 8192))
        paths.append(path)
    return paths[0], paths[1]


def test_a_payment_over_one_keys_limit_is_signed_elsewhere_offline(
    iic: Iic, machines: tuple[Path, Path]
) -> None:
    clerk, treasurer = machines
    before = balance(iic)
    stopped = iic("wallet", "pay", "Volga Bearings", "250000", "--keystore", clerk, "--yes",
                  "--json")  # fmt: skip
    assert stopped.status == 3 and stopped.code == "MISSING_SIGNATURES"
    assert "treasurer" in stopped.json["error"]["message"]
    assert balance(iic) == before
    file = stopped.json["error"]["file"]

    away = Iic(iic.folder / "offline")  # no profile, no node: the genesis file is all it has
    genesis = iic.folder / "demo" / "genesis.json"
    offline = ("--genesis", genesis, "--keystore", treasurer,
               "--password-file", iic.folder / "demo" / "demo.password")  # fmt: skip
    shown = away("wallet", "tx", "show", iic.folder / file, "--genesis", genesis, "--json")
    assert shown.status == 0
    assert shown.json["decoded"]["operations"][0]["legs"][0]["amount"] == "250,000.00"
    signed = away("wallet", "tx", "sign", iic.folder / file, *offline, "--yes", "--json")
    assert signed.status == 0, signed.out + signed.err
    assert len(signed.json["signers"]) == 2

    complete = iic("wallet", "tx", "show", file, "--json")
    assert complete.json["complete"] is True
    done = iic("wallet", "tx", "submit", file, "--json")
    assert done.status == 0 and done.json["status"] == "final"
    assert balance(iic) == before - 25_000_000


def test_signatures_made_in_parallel_are_combined(iic: Iic, machines: tuple[Path, Path]) -> None:
    assert iic("wallet", "pay", "Volga Bearings", "210000", "--out", "two.tx").status == 0
    for keystore, out in zip(machines, ("a.tx", "b.tx"), strict=True):
        signed = iic("wallet", "tx", "sign", "two.tx", "--keystore", keystore, "--out", out,
                     "--yes")  # fmt: skip
        assert signed.status == 0, signed.err
    half = iic("wallet", "tx", "submit", "a.tx", "--json")
    assert half.status == 3 and half.code == "MISSING_SIGNATURES"
    assert iic("wallet", "tx", "combine", "a.tx", "b.tx", "--out", "both.tx").status == 0
    assert iic("wallet", "tx", "submit", "both.tx", "--json").status == 0


def test_a_file_that_shows_another_amount_than_it_signs_is_not_signed(iic: Iic) -> None:
    assert iic("wallet", "pay", "Volga Bearings", "8.00", "--out", "lie.tx").status == 0
    path = iic.folder / "lie.tx"
    path.write_text(path.read_text().replace('"8.00"', '"0.08"'))
    refused = iic("wallet", "tx", "sign", "lie.tx", "--yes", "--json")
    assert refused.status == 6 and refused.code == "BAD_TRANSACTION_FILE"


def test_a_file_of_another_ledger_is_told_apart(iic: Iic) -> None:
    assert iic("wallet", "pay", "Volga Bearings", "9.00", "--out", "other.tx").status == 0
    path = iic.folder / "other.tx"
    document = json.loads(path.read_text())
    path.write_text(json.dumps(document | {"chain_id": "00" * 32}))
    refused = iic("wallet", "tx", "submit", "other.tx", "--json")
    assert refused.status != 0 and refused.code == "WRONG_CHAIN"


def test_a_request_is_accepted_and_paid_by_the_other_side(iic: Iic) -> None:
    asked = iic("wallet", "request", "Volga Bearings", "120.00", "--for", "Samples", "--by",
                "2030-01-31", "--yes", "--json")  # fmt: skip
    assert asked.status == 0, asked.out + asked.err
    volga = ("--profile", "demo-volga-bearings")
    waiting = iic("wallet", "todo", *volga, "--json").json["items"]
    [item] = [i for i in waiting if i["fields"].get("subject") == "Samples"]
    assert "accept" in item["events"]
    before = balance(iic)
    for command in ("accept", "pay-request"):
        done = iic("wallet", command, item["id"], *volga, "--yes", "--json")
        assert done.status == 0, done.out + done.err
    assert balance(iic) == before + 12_000
    assert iic("wallet", "object", item["id"], "--json").json["state"] == "paid"


def test_an_escrow_is_released_by_its_signer_only(iic: Iic) -> None:
    before = balance(iic)
    held = iic("wallet", "escrow", "Narmada Pumps", "30.00", "--signer", "Volga Bearings",
               "--condition", "Pumps run", "--until", "2027-06-30", "--yes", "--json")  # fmt: skip
    assert held.status == 0, held.out + held.err
    assert balance(iic) == before - 3_000
    [item] = [
        i
        for i in iic("wallet", "todo", "--profile", "demo-volga-bearings", "--json").json["items"]
        if i["fields"].get("condition") == "Pumps run"
    ]
    stranger = iic("wallet", "release", item["id"], "--profile", "demo-registrar", "--yes",
                   "--json")  # fmt: skip
    assert stranger.status == 3 and stranger.code == "NOT_ENTITLED"
    done = iic("wallet", "release", item["id"], "--profile", "demo-volga-bearings", "--yes",
               "--json")  # fmt: skip
    assert done.status == 0, done.out + done.err


def test_history_comes_in_pages_without_gap_or_repetition(iic: Iic) -> None:
    whole = iic("wallet", "history", "--all", "--limit", "200", "--json").json["entries"]
    assert len(whole) > 20
    pages: list[Any] = []
    cursor = ""
    while True:
        page = iic("wallet", "history", "--limit", "9", "--cursor", cursor, "--json").json
        pages += page["entries"]
        cursor = page["next"]
        if not cursor:
            break
    assert [e["id"] for e in pages] == [e["id"] for e in whole]


def test_a_key_is_rotated_with_the_generated_command(iic: Iic) -> None:
    keystore = iic.folder / "demo/keystores/volga-bearings.keystore"
    volga = ("--profile", "demo-volga-bearings")
    added = iic("wallet", "add-key", "clerk-new", *volga, "--json")
    public = next(k["public"] for k in added.json["keys"] if k["name"] == "clerk-new")
    done = iic("wallet", "register", "rotate-key", "--name", "clerk", "--public-key", public,
               "--expires", "2028-06-30", *volga, "--yes", "--json")  # fmt: skip
    assert done.status == 0, done.out + done.err
    old = iic("wallet", "pay", "Ural Gear Works", "1.00", "--sign-with", "clerk", *volga, "--yes",
              "--json")  # fmt: skip
    assert old.status == 3 and old.code == "UNAUTHORISED_SIGNER"
    assert pay(iic, "Ural Gear Works", "1.00", *volga)["status"] == "final"
    assert keystore.exists()


def test_a_transaction_of_several_operations_succeeds_as_one(iic: Iic) -> None:
    leg = {"payee": "Volga Bearings", "amount": "1.00"}
    (iic.folder / "two.json").write_text(
        json.dumps([{"operation": "currency.Transfer", "legs": [leg]}] * 2)
    )
    before = balance(iic)
    assert iic("wallet", "tx", "build", "two.json", "--out", "pair.tx").status == 0
    assert iic("wallet", "tx", "sign", "pair.tx", "--yes").status == 0
    assert iic("wallet", "tx", "submit", "pair.tx").status == 0
    assert balance(iic) == before - 200


def test_a_payment_goes_on_when_a_node_is_killed(iic: Iic) -> None:
    nodes = json.loads((iic.folder / "demo" / "demo.json").read_text())["nodes"]
    os.kill(nodes[0]["pid"], signal.SIGKILL)  # the one that the wallet asks first
    assert pay(iic, "Volga Bearings", "10.00")["status"] == "final"
