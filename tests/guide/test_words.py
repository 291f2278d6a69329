"""The wallet before signing, the node afterwards and an auditor offline tell the same words."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.e2e.command_line import Iic


@pytest.fixture(scope="module")
def iic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Iic]:
    command = Iic(tmp_path_factory.mktemp("words"))
    started = command("sandbox", "start", "ledger", "--json")
    assert started.status == 0, started.out + started.err
    yield command
    assert command("sandbox", "stop", "ledger", "--json").json["stopped"] == 4


@pytest.mark.parametrize("language", ["en", "ru", "zh"])
def test_the_wallet_the_node_and_the_auditor_tell_the_same_words(iic: Iic, language: str) -> None:
    ural = ("--as", "Ural Gear Works")
    receipt = f"{language}.receipt"
    paid = iic("wallet", "pay", "Volga Bearings", "15.00", *ural, "--lang", language,
               "--receipt", receipt, "--yes", "--json")  # fmt: skip
    assert paid.status == 0, paid.out + paid.err
    signed = paid.json["statement"]
    assert signed["language"] == language
    told = iic("audit", "words", receipt, "--lang", language, "--json").json[language]
    assert told == {"text": signed["text"], "sha256": signed["sha256"]}
    listed = iic("wallet", "profile", "list", "--json").json
    [url, *_] = listed[0]["nodes"]
    asked = httpx.get(f"{url}/v1/transactions/{paid.json['id']}", params={"lang": language})
    assert asked.json()["statement"] == signed


def test_what_waits_is_listed_with_the_command_that_answers_it(iic: Iic) -> None:
    volga = ("--as", "Volga Bearings", "--yes", "--json")
    what = ("9.00", "--for", "Gears", "--by", "2030-01-01", "--save", "gears")
    asked = iic("wallet", "request", "Ural Gear Works", *what, *volga)
    identity = asked.json["saved"]["gears"]
    todo = iic("wallet", "todo", "--as", "Ural Gear Works", "--json").json["items"]
    [item] = [entry for entry in todo if entry["id"] == identity]
    assert item["due"] is not None
    command = f"iic wallet currency accept-request --request {identity}"
    assert item["next"][0] == command
    answered = iic(*command.split()[1:], "--as", "Ural Gear Works", "--yes", "--json")
    assert answered.status == 0, answered.out + answered.err
    begun = iic("wallet", "object", identity[:8], "--as", "Ural Gear Works", "--json")
    assert begun.json["state"] == "accepted"
