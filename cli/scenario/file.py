"""Reading a scenario: TOML that names states, institutions, enterprises, trade and acts.

Everything that the ledger would refuse for its form (LEIs, country, HS and unit codes) is checked
here, so a scenario that loads can be played. A long scenario goes on in further files: those of the
folder that has its file's name add acts, values and lists, in the order of their names.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from cli.errors import BAD_SCENARIO, FILE_MISSING
from contracts.framework.forms import parse_amount
from contracts.framework.party import Role
from contracts.framework.types import Kind, problem_of
from ledger.errors import CodedError

T = TypeVar("T")


class Institution(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A party that is there from the start and holds offices."""

    id: str
    name: str
    lei: str
    country: str = ""


class Official(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A further party that is there from the start, and the office that it holds.

    ``country`` is where it sits and, for an office of a state, the state that it holds it for.
    """

    id: str
    name: str
    lei: str
    country: str
    office: str


class StateEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One of the federation's states, with its guarantor, issuer, and attested reserve."""

    country: str
    guarantor: Institution
    issuer: Institution
    reserve: str


class Owner(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who owns a part of an enterprise; ``share`` in basis points."""

    name: str
    lei: str
    country: str
    share: int


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line of a production programme: so much of a good in a quarter, at a price per unit."""

    hs: str
    unit: str
    quantity: int
    price: str
    goods: str


class Enterprise(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An enterprise that applies; ``home`` is the state that vouches for it."""

    id: str
    name: str
    country: str
    lei: str
    kind: str
    sector: str
    funding: str
    programme: tuple[Line, ...]
    home: str = ""
    owners: tuple[Owner, ...] = ()


class KeyEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key that parties of a kind have, and its role in the signing policy."""

    name: str
    role: str


class Supply(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A monthly delivery: ``quantity`` of the seller's programme line ``hs``."""

    seller: str
    buyer: str
    hs: str
    quantity: int


class Trade(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who supplies whom."""

    supplies: tuple[Supply, ...]


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One transaction, or with ``for`` one for each member of some lists.

    ``op`` and ``fields`` are an operation (or ``ops`` several of them). ``sign`` names keys,
    ``party/key`` for those of others. ``save`` remembers the object that it opened, ``saves`` what
    its receipt says in fields of events, as ``name = "capability.Event.field"``, or what a record
    says since, as ``name = "table[@OBJECT, 0].field"``; ``expect`` is the code that it must be
    refused with. ``clear`` names a netting cycle, for which the step posts what a solver finds.
    """

    by: str
    op: str = ""
    fields: dict[str, Any] = {}
    ops: tuple[dict[str, Any], ...] = ()
    sign: tuple[str, ...] = ()
    ref: str = ""
    save: str = ""
    saves: dict[str, str] = {}
    expect: str = ""
    clear: str = ""
    loop: dict[str, str] = msgspec.field(name="for", default_factory=dict)
    without: tuple[str, ...] = ()


class Act(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Steps that are sent together; the next act begins when all of them are final.

    ``until`` names a saved object whose time limit must have passed first, ``state`` the state
    that it must have reached; either is waited for.
    """

    title: str
    steps: tuple[Step, ...] = ()
    until: str = ""
    state: str = ""


class Scenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A scenario file."""

    name: str
    title: str
    fictional: bool
    seed: str
    states: tuple[StateEntry, ...]
    registrar: Institution
    tribunal: Institution
    enterprises: tuple[Enterprise, ...]
    keys: dict[str, tuple[KeyEntry, ...]]
    policies: dict[str, tuple[dict[str, Any], ...]]
    trade: Trade
    acts: tuple[Act, ...]
    officials: tuple[Official, ...] = ()
    parameters: dict[str, dict[str, Any]] = {}
    values: dict[str, Any] = {}
    lists: dict[str, tuple[str, ...]] = {}

    def enterprise(self, identity: str) -> Enterprise:
        """The enterprise of an id; raises ``BAD_SCENARIO``."""
        for enterprise in self.enterprises:
            if enterprise.id == identity:
                return enterprise
        raise bad(f"no enterprise has the id {identity!r}")


def load(path: Path) -> Scenario:
    """Read and check a scenario; raises ``FILE_MISSING`` or ``BAD_SCENARIO``, naming the place."""
    document = _read(path)
    for part in sorted(path.with_suffix("").glob("*.toml")):
        _join(document, _read(part), part)
    return parse(document)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CodedError(FILE_MISSING, f"{path} does not exist") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise bad(f"{path} is not TOML: {error}") from None


def _join(document: dict[str, Any], part: Mapping[str, Any], path: Path) -> None:
    """Add a further file's acts, values and lists."""
    for name, content in part.items():
        if name == "acts" and isinstance(content, list):
            document[name] = [*document.get(name, ()), *content]
        elif name in {"values", "lists"} and isinstance(content, dict):
            twice = sorted(set(content) & set(document.get(name, {})))
            if twice:
                raise bad(f"{path}: {name}.{twice[0]} stands in an earlier file")
            document[name] = {**document.get(name, {}), **content}
        else:
            raise bad(f"{path}: a further file has acts, values and lists, no {name!r}")


def parse(document: Mapping[str, Any]) -> Scenario:
    """The scenario of a document, checked."""
    try:
        scenario = msgspec.convert(document, Scenario)
    except msgspec.ValidationError as error:
        raise bad(str(error)) from None
    _check(scenario)
    return scenario


def bad(sentence: str, field: str = "") -> CodedError:
    """A ``BAD_SCENARIO`` error."""
    return CodedError(BAD_SCENARIO, sentence, field=field)


def _check(scenario: Scenario) -> None:
    institutions = [scenario.registrar, scenario.tribunal]
    countries = set()
    for state in scenario.states:
        _require(Kind.COUNTRY, state.country, "states.country")
        _amount(state.reserve, f"states.{state.country}.reserve")
        countries.add(state.country)
        institutions += [state.guarantor, state.issuer]
    for official in scenario.officials:
        _require(Kind.COUNTRY, official.country, official.id)
        if official.office not in set(Role):
            raise bad(f"{official.id}: there is no office {official.office!r}")
    for enterprise in scenario.enterprises:
        _check_enterprise(enterprise, countries)
    everybody: list[Institution | Official | Enterprise] = [
        *institutions,
        *scenario.officials,
        *scenario.enterprises,
    ]
    for what in ("id", "lei", "name"):
        values = [getattr(party, what) for party in everybody]
        twice = sorted({v for v in values if values.count(v) > 1})
        if twice:
            raise bad(f"two parties have the {what} {twice[0]!r}")
    for party in everybody:
        _require(Kind.PARTY, party.lei, party.id)
    for supply in scenario.trade.supplies:
        line_of(scenario, supply)
        scenario.enterprise(supply.buyer)
    known = {party.id for party in everybody}
    for name, members in scenario.lists.items():
        for member in members:
            if member not in known:
                raise bad(f"list {name}: no party has the id {member!r}")


def _check_enterprise(enterprise: Enterprise, states: set[str]) -> None:
    where = enterprise.id
    _require(Kind.PARTY, enterprise.lei, where)
    _require(Kind.COUNTRY, enterprise.country, where)
    if (enterprise.home or enterprise.country) not in states:
        raise bad(f"{where}: its home is none of the states")
    _amount(enterprise.funding, f"{where}.funding")
    for line in enterprise.programme:
        _require(Kind.HS, line.hs, f"{where}.programme")
        _require(Kind.UNIT, line.unit, f"{where}.programme")
        _amount(line.price, f"{where}.programme")
    for owner in enterprise.owners:
        _require(Kind.PARTY, owner.lei, f"{where}.owners")
        _require(Kind.COUNTRY, owner.country, f"{where}.owners")


def line_of(scenario: Scenario, supply: Supply) -> Line:
    """The programme line that a supply is from; raises ``BAD_SCENARIO``."""
    for line in scenario.enterprise(supply.seller).programme:
        if line.hs == supply.hs:
            return line
    raise bad(f"{supply.seller} has no programme line {supply.hs}")


def amount_of(scenario: Scenario, supply: Supply) -> int:
    """What a supply costs, in minor units."""
    return supply.quantity * parse_amount(line_of(scenario, supply).price)


def _require(kind: Kind, value: str, where: str) -> None:
    rule = problem_of(kind)
    problem = rule(value) if rule is not None else ""
    if problem:
        raise bad(f"{where}: {problem}", where)


def _amount(text: str, where: str) -> None:
    try:
        parse_amount(text)
    except ValueError as error:
        raise bad(f"{where}: {error}", where) from None
