"""What the contracts know at the start: parameters, calendar, code tables, parties.

:class:`ApplicationGenesis` is the opaque ``application`` of the ledger's genesis; :func:`found`
turns it into the state of block 0. No money exists at genesis: every unit is issued by a recorded
operation, so the books can be rebuilt from receipts alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

from msgspec import Meta

import contracts.registry  # noqa: F401 - declares every capability's parameters
from contracts.codes import COUNTRIES, TABLES_VERSION
from contracts.errors import INVALID_TERMS
from contracts.framework.calendar import CALENDAR, Calendar
from contracts.framework.context import Context
from contracts.framework.event import as_tuples
from contracts.framework.fields import checker_of
from contracts.framework.forms import from_named, to_named
from contracts.framework.parameters import parameters_structure, parameters_table_of
from contracts.framework.party import PARTY, Office, Party, Profile, Role, Standing, holder
from contracts.framework.types import Lei
from contracts.register.keys import install
from contracts.register.membership import check_profile, grant_office
from contracts.validators.epochs import found_validators
from ledger.codec import Struct, decode, from_plain, to_plain
from ledger.errors import BAD_GENESIS, CodedError
from ledger.genesis import Genesis
from ledger.hashing import NO_CHAIN
from ledger.policy import Key, Rule
from ledger.state import MemoryMap, Overlay, State
from ledger.validators import ValidatorSet


class GenesisParty(Struct):
    """A party that is a member from the start."""

    lei: Annotated[Lei, Meta(description="Its LEI.")]
    profile: Annotated[Profile, Meta(description="What it is.")]
    offices: Annotated[tuple[Office, ...], Meta(description="Offices that it holds.")]
    keys: Annotated[tuple[Key, ...], Meta(description="Its keys.")]
    rules: Annotated[tuple[Rule, ...], Meta(description="Its signing policy.")]


class ApplicationGenesis(Struct, tag=1):
    """The state of block 0, as people agree on it.

    ``parameters`` are capabilities' parameter structures as nested arrays, each with its name
    first, in ascending order of names; capabilities that are not listed have their defaults.
    """

    code_tables: str
    calendar: Calendar
    parameters: tuple[tuple[Any, ...], ...]
    parties: tuple[GenesisParty, ...]


def application_genesis(
    calendar: Calendar, parties: tuple[GenesisParty, ...], *parameters: Struct
) -> ApplicationGenesis:
    """An application genesis with some parameters other than the defaults."""
    plain = sorted((as_tuples(to_plain(p)) for p in parameters), key=lambda p: str(p[0]))
    return ApplicationGenesis(TABLES_VERSION, calendar, tuple(plain), parties)


def read_application(data: bytes) -> ApplicationGenesis:
    """The application genesis of canonical bytes; raises a coded error for any other."""
    return decode(data, ApplicationGenesis)


def readable(application: bytes) -> Any:
    """The application's part of a genesis document in words."""
    return to_json(read_application(application))


def found(
    application: ApplicationGenesis, time: int, validators: ValidatorSet | None = None
) -> Overlay:
    """The state of block 0, over an empty map; ``time`` is the genesis time in ms.

    ``validators`` are those of genesis; None where no consensus decides, as in tools and tests.

    Raises ``BAD_GENESIS``, naming the field, if the document contradicts itself.
    """
    overlay = Overlay(State(MemoryMap()))
    ctx = Context(overlay, NO_CHAIN, 0, time, 0, bytes(32))
    try:
        _found(ctx, application)
        if validators is not None:
            found_validators(ctx, validators)
    except CodedError as error:
        raise CodedError(BAD_GENESIS, error.message, field=error.field) from None
    return overlay


def initial_state(genesis: Genesis) -> dict[bytes, bytes]:
    """The state of block 0, by key; raises ``BAD_GENESIS`` if the document contradicts itself."""
    application = read_application(genesis.application)
    changes = found(application, genesis.time, genesis.validators).changes()
    return {key: value for key, value in changes.items() if value is not None}


def _found(ctx: Context, application: ApplicationGenesis) -> None:
    if application.code_tables != TABLES_VERSION:
        raise CodedError(
            BAD_GENESIS,
            f"made for code tables {application.code_tables}, this software has {TABLES_VERSION}",
            field="code_tables",
        )
    calendar = application.calendar
    if list(calendar.holidays) != sorted(set(calendar.holidays)):
        raise CodedError(BAD_GENESIS, "holidays ascend, each once", field="calendar.holidays")
    ctx.put(CALENDAR, calendar)
    _found_parameters(ctx, application.parameters)
    seen: set[str] = set()
    # Home states exist only once their guarantors do, so offices come before profiles are checked.
    for index, entry in enumerate(application.parties):
        where = f"parties[{index}]"
        try:
            checker_of(GenesisParty)(entry)
            if entry.lei in seen:
                raise CodedError(INVALID_TERMS, "each party is listed once", field="lei")
            seen.add(entry.lei)
            _found_party(ctx, entry)
        except CodedError as error:
            raise CodedError(error.code, error.message, field=f"{where}.{error.field}") from None
    for index, entry in enumerate(application.parties):
        try:
            check_profile(ctx, entry.lei, entry.profile)
        except CodedError as error:
            where = f"parties[{index}].{error.field}"
            raise CodedError(error.code, error.message, field=where) from None
    if holder(ctx.state, Role.REGISTRAR) is None:
        raise CodedError(BAD_GENESIS, "no party is the registrar", field="parties")


def _found_parameters(ctx: Context, parameters: tuple[tuple[Any, ...], ...]) -> None:
    names = [plain[0] for plain in parameters if plain]
    if len(names) != len(parameters) or names != sorted(set(names)):
        raise CodedError(
            BAD_GENESIS, "parameters stand in order of their names, each once", field="parameters"
        )
    for plain in parameters:
        kind = _structure(plain[0])
        ctx.put(parameters_table_of(kind), from_plain(plain, kind))


def _found_party(ctx: Context, entry: GenesisParty) -> None:
    party = Party(entry.lei, entry.profile, Standing.ADMITTED, since=ctx.time)
    ctx.put(PARTY, party, entry.lei)
    install(ctx, entry.lei, entry.keys, entry.rules)
    for office in entry.offices:
        if office.scope and office.scope not in COUNTRIES:
            raise CodedError(INVALID_TERMS, f"{office.scope!r} is no country", field="offices")
        grant_office(ctx, ctx.party(entry.lei), office)


def to_json(application: ApplicationGenesis) -> dict[str, Any]:
    """The application genesis as readable JSON: names of fields, bytes in hexadecimal."""
    return {
        "code_tables": application.code_tables,
        "calendar": to_named(application.calendar),
        "parameters": {
            str(plain[0]).partition(".")[0]: to_named(from_plain(plain, _structure(plain[0])))
            for plain in application.parameters
        },
        "parties": [to_named(party) for party in application.parties],
    }


def from_json(document: Any) -> ApplicationGenesis:
    """The application genesis of :func:`to_json`'s form; raises a coded error naming the field."""
    if not isinstance(document, Mapping) or set(document) != _DOCUMENT_KEYS:
        raise CodedError(
            BAD_GENESIS, f"the application has exactly {', '.join(sorted(_DOCUMENT_KEYS))}"
        )
    parameters, parties = document["parameters"], document["parties"]
    if not isinstance(parameters, Mapping) or not isinstance(parties, list):
        raise CodedError(BAD_GENESIS, "parameters are an object, parties a list")
    structures = [
        from_named(_structure(f"{name}.Parameters"), content, f"parameters.{name}")
        for name, content in sorted(parameters.items())
    ]
    return ApplicationGenesis(
        str(document["code_tables"]),
        from_named(Calendar, document["calendar"], "calendar"),
        tuple(as_tuples(to_plain(structure)) for structure in structures),
        tuple(
            from_named(GenesisParty, party, f"parties[{index}]")
            for index, party in enumerate(parties)
        ),
    )


_DOCUMENT_KEYS: Final = frozenset({"code_tables", "calendar", "parameters", "parties"})


def _structure(name: Any) -> type[Struct]:
    kind = parameters_structure(name)
    if kind is None:
        raise CodedError(BAD_GENESIS, f"no capability has parameters {name!r}", field="parameters")
    return kind
