"""Bad input to every declared operation: a stable code each time, and nothing changes.

Generated from the declarations, so an operation that is added is tested without a line here.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from random import Random
from typing import Any

import pytest
from arbitrary import TABLES, Maker, transaction, trial
from everything import NAMES, everything
from ledger_in_memory import Ledger, key, lei
from msgspec import structs

import contracts.errors as contract_errors
import ledger.errors as ledger_errors
from contracts.errors import DEFECT, INVALID_FIELD, NOT_AUTHORISED, UNKNOWN_PARTY
from contracts.executor import Candidate
from contracts.framework.fields import Field
from contracts.framework.machine import machines
from contracts.framework.operation import Declaration, Operation, declarations
from contracts.framework.party import KEYRING, PARTY, Standing
from contracts.framework.types import Kind
from contracts.register.operations import OrderSuspension
from ledger.errors import MALFORMED, MISSING_SIGNATURES, CodedError, ErrorCode
from ledger.limits import MAX_INT

KNOWN = {
    code.name
    for module in (contract_errors, ledger_errors)
    for code in vars(module).values()
    if isinstance(code, ErrorCode)
}
STRANGER = lei("nobody at all")
Path = tuple[str | int, ...]
EVERY = list(declarations().values())

BAD: dict[Kind, tuple[Any, ...]] = {
    Kind.PARTY: (STRANGER[:18] + "00", "short", STRANGER.lower(), ""),
    Kind.COUNTRY: ("ZZ", "kz", "KAZ"),
    Kind.HS: ("999999", "84821", "84821O", "84 8210"),
    Kind.UNIT: ("QQQ", "kg", "KILO"),
    Kind.INCOTERM: ("XXX", "dap"),
    Kind.AMOUNT: (-1, 2**63, 2**64 - 1, "1"),
    Kind.INSTANT: (-1, 2**63),
    Kind.OBJECT: (b"", bytes(31), bytes(33), "x" * 32),
    Kind.DIGEST: (b"", bytes(31), bytes(33)),
    Kind.PUBLIC_KEY: (bytes(32), b"", b"\xff" * 32),
    Kind.TEXT: ("line\nbreak", " leading", "right\u202eto left"),
    Kind.FLAG: (1, "yes"),
    Kind.CHOICE: ("none of these", 7),
}
"""Values that no operation may carry, by the kind of field."""


@cache
def cluster() -> Ledger:
    """The cluster that all cases look at; none of them commits anything."""
    return everything()


def made(declaration: Declaration, seed: int, focus: Any = None) -> Operation:
    """A valid-looking operation with every optional field filled if it happens so."""
    return Maker(cluster(), Random(f"{declaration.name}/{seed}"), NAMES).operation(
        declaration.kind, focus
    )


def leaves(value: Any, fields: tuple[Field, ...], path: Path = ()) -> Iterator[tuple[Path, Field]]:
    """Every simple field of an operation that holds a value, with its path."""
    for field in fields:
        content = getattr(value, field.name)
        if content is None:
            continue
        items = enumerate(content) if field.many is not None else [(None, content)]
        for index, item in items:
            where = (*path, field.name) if index is None else (*path, field.name, index)
            if field.group is not None:
                yield from leaves(item, field.parts, where)
            else:
                yield where, field


def with_value(value: Any, path: Path, new: Any) -> Any:
    """The structure with another value at a path."""
    if not path:
        return new
    head, *rest = path
    if isinstance(head, int):
        changed = with_value(value[head], tuple(rest), new)
        return (*value[:head], changed, *value[head + 1 :])
    return structs.replace(value, **{head: with_value(getattr(value, head), tuple(rest), new)})


def written(path: Path) -> str:
    """A path as errors write it."""
    return "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in path)


def bad_values(field: Field) -> Iterator[Any]:
    """What a field must refuse while a transaction is read."""
    yield from BAD.get(field.kind, ())
    least, most = field.bounds
    if field.kind in {Kind.AMOUNT, Kind.INTEGER, Kind.INSTANT}:
        if least is not None:
            yield least - 1
        if most is not None:
            yield most + 1
    if field.kind is Kind.BYTES:
        yield from (bytes(size) for size in ((least or 0) - 1, (most or 0) + 1) if size > 0)
    if field.kind is Kind.TEXT:
        if most is not None:
            yield "x" * (most + 1)
        if least:
            yield ""


@pytest.mark.parametrize("declaration", EVERY, ids=lambda d: d.name)
def test_values_that_break_their_kind_are_refused_while_reading(declaration: Declaration) -> None:
    author, seen = lei("registrar"), 0
    for seed in range(4):
        op = made(declaration, seed)
        for path, field in leaves(op, declaration.fields):
            for bad in bad_values(field):
                with pytest.raises(CodedError) as refusal:
                    transaction(cluster(), author, with_value(op, path, bad), ())
                assert refusal.value.code in {MALFORMED, INVALID_FIELD}, (path, bad)
                if refusal.value.code is INVALID_FIELD:
                    assert refusal.value.field == f"operations[0]{written(path)}"
                seen += 1
    assert seen or not declaration.fields


def judge(candidate: Candidate, *, ledger: Ledger | None = None) -> str:
    """The code by which a transaction is dropped or refused, ``""`` if it applies.

    A refusal leaves no change behind, has a code of the catalogue, and is no defect.
    """
    execution = trial(ledger or cluster(), candidate)
    assert execution.defects == [], (candidate.operations, execution.defects)
    if execution.dropped:
        code = execution.dropped[0][1].code.name
        assert execution.receipts == []
    else:
        code = execution.receipts[-1].code
    assert code == "" or code in KNOWN - {DEFECT.name}
    if code:
        assert execution.overlay.changes() == {}, candidate.operations
    return code


def records() -> list[Any]:
    """One object of each machine, and nothing in particular."""
    state = cluster().state
    found: list[Any] = [None]
    for machine in machines().values():
        found += [record for _, record in state.scan(machine.table)][:2]
    return found


@pytest.mark.parametrize("declaration", EVERY, ids=lambda d: d.name)
def test_nobody_can_do_it_without_being_in_the_register(declaration: Declaration) -> None:
    op = made(declaration, 0)
    code = judge(transaction(cluster(), STRANGER, op, [key("nobody at all").public]))
    assert code, declaration.name


@pytest.mark.parametrize("declaration", EVERY, ids=lambda d: d.name)
def test_nothing_is_done_without_the_authors_signature(declaration: Declaration) -> None:
    for author in ("registrar", "Ural Gear"):
        op = made(declaration, 1)
        code = judge(transaction(cluster(), lei(author), op, [key("Auditor").public]))
        assert code, declaration.name


@pytest.mark.parametrize("declaration", EVERY, ids=lambda d: d.name)
def test_any_operation_by_anybody_about_anything_has_a_stable_answer(
    declaration: Declaration,
) -> None:
    ledger = cluster()
    for number, focus in enumerate(records()):
        op = made(declaration, number, focus)
        maker = Maker(ledger, Random(number), NAMES)
        for author in maker.authors(declaration, focus)[:3]:
            judge(maker.candidate(author, op))
        judge(maker.candidate(lei(NAMES[number % len(NAMES)]), op))


@pytest.mark.parametrize("declaration", EVERY, ids=lambda d: d.name)
def test_unknown_objects_parties_and_extreme_amounts_are_refused_by_code(
    declaration: Declaration,
) -> None:
    ledger = cluster()
    extremes: dict[Kind, tuple[Any, ...]] = {
        Kind.OBJECT: (b"\x07" * 32, *others()),
        Kind.PARTY: (STRANGER,),
        Kind.COUNTRY: ("DE",),
        Kind.AMOUNT: (MAX_INT,),
        Kind.INSTANT: (0, MAX_INT),
        Kind.INTEGER: (),
    }
    for seed in range(2):
        op = made(declaration, seed)
        for path, field in leaves(op, declaration.fields):
            values = extremes.get(field.kind, ())
            if field.kind is Kind.INTEGER:
                values = (field.bounds[0] or 0, field.bounds[1] or MAX_INT)
            for value in values:
                changed = with_value(op, path, value)
                maker = Maker(ledger, Random(seed), NAMES)
                for author in maker.authors(declaration, None)[:2]:
                    code = judge(maker.candidate(author, changed))
                    if field.kind is Kind.OBJECT and path == (field.name,) and value[:1] == b"\x07":
                        assert code, (declaration.name, path)


@cache
def others() -> tuple[bytes, ...]:
    """Ids of objects of several tables: nearly always the wrong kind of object."""
    state = cluster().state
    found = []
    for table in TABLES.values():
        found += [r.id for _, r in state.scan(table) if hasattr(r, "id")][:1]
    return tuple(found)


def test_a_suspended_member_takes_on_nothing_new() -> None:
    ledger = everything()
    ledger.must("tribunal", OrderSuspension(lei("Ural Gear"), "red", bytes(32)))
    ledger.later(1)
    party = ledger.state.get(PARTY, lei("Ural Gear"))
    assert party is not None and party.state is Standing.SUSPENDED
    keyring = ledger.state.get(KEYRING, party.lei)
    assert keyring is not None
    for declaration in EVERY:
        refusal = declaration.by.refusal(party)
        op = Maker(ledger, Random(declaration.name), NAMES).operation(declaration.kind)
        publics = [k.public_key for k in keyring.keys]
        code = judge(transaction(ledger, party.lei, op, publics), ledger=ledger)
        if refusal:
            assert code in {NOT_AUTHORISED.name, UNKNOWN_PARTY.name, MISSING_SIGNATURES.name}
