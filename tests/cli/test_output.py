"""How commands speak: the promises of ``cli.output``."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from cli import output
from cli.main import GROUPS, main
from ledger.errors import BAD_GENESIS, BAD_PROOF, CodedError


@click.group(cls=output.Group)
def commands() -> None:
    """Commands that fail in every way."""


@commands.command()
@output.json_option
def heights() -> None:
    rows = [("g0", 9), ("[red]g1", None)]
    output.emit(
        [{"node": n, "height": h} for n, h in rows],
        lambda: output.table(("NODE", ("HEIGHT", "right")), rows),
    )


@commands.command()
@output.json_option
@click.argument("kind")
def fail(kind: str) -> None:
    if kind == "refused":
        raise output.Failure(
            "INSUFFICIENT_FUNDS",
            "8,500.00 SCU available, needs 99,999.00",
            output.Exit.REFUSED,
            hint="Check: iic wallet balance",
            details={"id": "5c1e"},
        )
    if kind == "genesis":
        raise CodedError(BAD_GENESIS, "not signed by g2", field="approvals")
    if kind == "proof":
        raise CodedError(BAD_PROOF, "leads elsewhere")
    if kind == "file":
        Path("/nonexistent/key").read_bytes()
    raise ZeroDivisionError


def run(*args: str) -> Result:
    return CliRunner().invoke(commands, list(args))


def test_tables_show_data_literally_and_json_is_one_document() -> None:
    human = run("heights").stdout
    assert "NODE" in human and "[red]g1" in human and "–" in human
    assert json.loads(run("heights", "--json").stdout) == [
        {"node": "g0", "height": 9},
        {"node": "[red]g1", "height": None},
    ]


@pytest.mark.parametrize(
    ("kind", "code", "exit_code"),
    [
        ("refused", "INSUFFICIENT_FUNDS", output.Exit.REFUSED),
        ("genesis", "BAD_GENESIS", output.Exit.LOCAL),
        ("proof", "BAD_PROOF", output.Exit.VIOLATION),
        ("file", "FILE_PROBLEM", output.Exit.LOCAL),
    ],
)
def test_every_failure_has_a_code_a_sentence_and_its_exit_code(
    kind: str, code: str, exit_code: int
) -> None:
    human = run("fail", kind)
    assert human.exit_code == exit_code
    assert human.stdout == "" and f"error[{code}]:" in human.stderr
    as_json = run("fail", kind, "--json")
    assert as_json.exit_code == exit_code
    body = json.loads(as_json.stdout)["error"]
    assert body["code"] == code and body["message"] and body["exit"] == exit_code


def test_a_failure_shows_what_to_do_next() -> None:
    shown = run("fail", "refused").stderr
    assert "id: 5c1e" in shown and "Check: iic wallet balance" in shown


def test_a_defect_is_not_dressed_up_as_a_failure() -> None:
    assert isinstance(run("fail", "defect").exception, ZeroDivisionError)


def test_a_wrong_command_line_exits_with_2() -> None:
    assert run("fail").exit_code == output.Exit.USAGE


def test_the_help_names_every_group_without_importing_one() -> None:
    result = CliRunner().invoke(main, ["--help"])
    assert result.exit_code == 0
    assert all(name in result.stdout for name in GROUPS)


@given(st.integers(-(2**63), 2**63 - 1))
def test_money_is_exact_in_both_directions(minor: int) -> None:
    text = output.money(minor)
    assert int(text.replace(",", "").replace(".", "")) == minor
    assert text[-3] == "."


@given(st.integers(0, 4_000_000_000_000))
def test_moments_are_exact_to_the_millisecond(ms: int) -> None:
    when = datetime.fromisoformat(output.moment(ms))
    assert (when - datetime(1970, 1, 1, tzinfo=UTC)) // (
        datetime(1970, 1, 1, 0, 0, 0, 1000) - datetime(1970, 1, 1)
    ) == ms


def test_short_keeps_both_ends_and_leaves_short_values_alone() -> None:
    assert output.short(bytes.fromhex("5c1e0000000000009a40")) == "5c1e…9a40"
    assert output.short("abcd") == "abcd"


def test_short_without_a_tail_shows_the_head_alone() -> None:
    assert output.short("76c5325b" * 8, head=4, tail=0) == "76c5…"
