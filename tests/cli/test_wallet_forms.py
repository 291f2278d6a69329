"""Every declared operation has a command, and what is typed becomes what the ledger checks."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.describe import describe_operation
from cli.main import main
from cli.wallet.forms import document_of, options_of, parse_group
from contracts.framework.forms import operation_from_text
from contracts.framework.operation import declaration_named, declarations
from contracts.registry import CAPABILITIES

PAYEE = "529900T8BM49AURSDO55"


def typed(name: str, *arguments: str) -> dict[str, Any]:
    """The document that a command line makes."""
    declaration = declaration_named(name)
    found: dict[str, Any] = {}

    @click.pass_context
    def keep(ctx: click.Context, **values: Any) -> None:
        found.update(document_of(declaration, values))

    command = click.Command("x", callback=keep, params=list(options_of(declaration)))
    result = CliRunner().invoke(command, list(arguments))
    if result.exit_code:
        raise click.UsageError(result.output)
    return found


def test_every_operation_has_a_command_with_help() -> None:
    assert CAPABILITIES
    for name in declarations():
        result = CliRunner().invoke(main, ["wallet", "op", name, "--help"])
        assert result.exit_code == 0, name
        assert name in result.output


def test_every_capability_lists_its_operations_in_words() -> None:
    result = CliRunner().invoke(main, ["wallet", "currency", "--help"])
    assert "open-escrow" in result.output and "request-payment" in result.output
    result = CliRunner().invoke(main, ["wallet", "register", "--help"])
    assert "apply" in result.output and "cast-vote" in result.output


def test_a_list_of_groups_is_a_repeated_option() -> None:
    document = typed(
        "currency.Transfer",
        "--legs", f"payee={PAYEE}; amount=1,500.00; text=INV 42",
        "--legs", json.dumps({"payee": PAYEE, "amount": "2.50"}),
    )  # fmt: skip
    described = describe_operation(operation_from_text(document))
    assert [leg["amount"] for leg in described["legs"]] == ["1,500.00", "2.50"]
    assert described["legs"][0]["text"] == "INV 42"


def test_a_group_may_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "legs.json"
    path.write_text(json.dumps([{"payee": PAYEE, "amount": "1"}, {"payee": PAYEE, "amount": "2"}]))
    document = typed("currency.Transfer", "--legs", f"@{path}")
    assert len(operation_from_text(document).legs) == 2  # type: ignore[attr-defined]


def test_names_of_parties_are_resolved_at_any_depth() -> None:
    document = typed("currency.Transfer", "--legs", "payee=Volga Bearings; amount=1")
    op = operation_from_text(document, names=lambda name: PAYEE if "Volga" in name else None)
    assert describe_operation(op)["legs"][0]["payee"] == PAYEE


def test_what_is_described_can_be_read_back() -> None:
    document = {
        "operation": "currency.OpenEscrow",
        "payee": PAYEE,
        "amount": "10.00",
        "signer": PAYEE,
        "condition": "It runs",
        "expires": "2027-01-31",
    }
    op = operation_from_text(document)
    assert operation_from_text(describe_operation(op)) == op


@pytest.mark.parametrize("text", ["payee", "=1", "payee=a; payee=b", "{", "[1]", "payee=a; amount"])
def test_a_group_that_cannot_be_read_is_a_usage_error(text: str) -> None:
    with pytest.raises(click.UsageError):
        typed("currency.Transfer", "--legs", text)


def test_a_missing_file_is_a_usage_error() -> None:
    with pytest.raises(click.UsageError):
        typed("currency.Transfer", "--legs", "@/nonexistent")


@given(
    st.dictionaries(
        st.from_regex(r"[a-z][a-z_]{0,8}", fullmatch=True),
        st.text("abc 123.,:=-", max_size=12).map(str.strip),
        max_size=4,
    )
)
def test_a_group_reads_as_it_is_written(group: dict[str, str]) -> None:
    assert parse_group("; ".join(f"{k}={v}" for k, v in group.items())) == group


@given(st.text(max_size=60))
@settings(max_examples=150)
def test_any_text_is_a_group_or_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert isinstance(parse_group(text), dict)
