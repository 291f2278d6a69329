"""Every text of the explorer is there in every language, with the same places to fill in."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

import contracts.errors
import ledger.errors
import node.errors
import node.explorer
from contracts.codes import UNITS
from contracts.framework.ballot import ballot_kinds
from contracts.framework.fields import fields_of
from contracts.framework.glossary import ACCOUNTS, CODES, EVENTS, NAMES
from contracts.framework.parameters import all_parameters
from contracts.framework.party import PartyKind, Right, Role
from contracts.framework.posting import account_kinds
from contracts.framework.render import LANGUAGES
from contracts.framework.steps import STEPS, TEXTS, life_text
from contracts.framework.vocabulary import CHOICES, FIELDS
from contracts.registry import CAPABILITIES
from ledger.codec import Struct
from ledger.errors import ErrorCode
from ledger.policy import KeyStatus
from node.api.describe import events_by_name
from node.explorer.language import FOLDER, LOCALES, catalogue

ROOT = Path(node.explorer.__file__).parent
PLACES = re.compile(r"%\([a-z_]+\)[sd]|\{[a-z_]*\}")
NAMED = re.compile(r"``[a-z_/]+``")
KEYWORDS = {"msg": None, "text": None, "_": None, "gettext": None, "ngettext": (1, 2)}


def used() -> Iterator[tuple[str | tuple[str, ...], str]]:
    """Every text that code and templates mark, and where."""
    methods = [("templates/**.html", "jinja2"), ("**.py", "python")]
    found = extract_from_dir(ROOT, methods, keywords=KEYWORDS)
    for name, line, message, *_ in found:
        yield message, f"{name}:{line}"
    # Inside of another call that is called like a keyword, the extraction sees no mark.
    for path in ROOT.rglob("*.py"):
        for part in ast.walk(ast.parse(path.read_text())):
            match part:
                case ast.Call(func=ast.Name(id="msg"), args=[ast.Constant(value=str(message))]):
                    yield message, f"{path.name}:{part.lineno}"


def translated(language: str, part: str = "messages") -> Catalog:
    path = FOLDER / language / "LC_MESSAGES" / f"{part}.po"
    with path.open("rb") as source:
        return read_po(source, locale=LOCALES[language])


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_no_text_is_missing_and_none_is_left_over(language: str) -> None:
    catalogue = translated(language)
    wanted: dict[str, tuple[str | tuple[str, ...], str]] = {}
    for message, where in used():
        wanted[message if isinstance(message, str) else message[0]] = (message, where)
    missing = {name: where for name, (_, where) in wanted.items() if name not in catalogue}
    assert not missing
    left = {str(m.id if isinstance(m.id, str) else m.id[0]) for m in catalogue if m.id}
    assert left <= set(wanted)


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_every_translation_is_complete_and_fills_in_the_same_places(language: str) -> None:
    for message in translated(language):
        if not message.id:
            continue
        assert not message.fuzzy, message.id
        ids = [message.id] if isinstance(message.id, str) else list(message.id)
        texts = [message.string] if isinstance(message.string, str) else list(message.string)
        assert all(texts), message.id
        places = set(PLACES.findall(ids[-1]))
        for text in texts:
            assert set(PLACES.findall(text)) == places, (message.id, text)


def test_states_objects_accounts_and_events_have_names_in_every_language() -> None:
    kinds = [machine for c in CAPABILITIES for machine in c.machines]
    named = {str(state.value) for machine in kinds for state in machine.states}
    named |= {machine.name for machine in kinds} | {right.value for right in Right}
    named |= {one.value for one in (*Role, *PartyKind, *KeyStatus)}
    named |= ballot_kinds()
    assert named - set(NAMES) - set(CHOICES) - set(CODES) == set()
    assert set(account_kinds()) == set(ACCOUNTS)
    assert set(events_by_name()) == set(EVENTS)


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_steps_of_lives_are_told_in_every_language_and_none_is_left_over(language: str) -> None:
    kinds = [machine for c in CAPABILITIES for machine in c.machines]
    assert {step.event for machine in kinds for step in machine.transitions} == set(STEPS)
    texts = {step.by for machine in kinds for step in machine.transitions}
    texts |= {limit.window for machine in kinds for limit in machine.limits.values()}
    texts |= {reason for machine in kinds for reason in machine.rests.values()}
    assert {text for text in texts if life_text(text, language) == text} == set()
    assert set(TEXTS) <= texts


def meanings() -> set[str]:
    """Every declared sentence that pages show: of accounts, events, parameters and refusals."""
    found = {kind.meaning for kind in account_kinds().values()}
    found |= {(kind.__doc__ or "").strip().split("\n")[0] for kind in events_by_name().values()}
    found |= {f.meaning for kind in all_parameters().values() for f in fields_of(kind)}
    for module in (ledger.errors, contracts.errors, node.errors):
        found |= {one.meaning for one in vars(module).values() if isinstance(one, ErrorCode)}
    return found


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_every_meaning_is_told_in_every_language_and_none_is_left_over(language: str) -> None:
    told = {str(m.id): m for m in translated(language, "declarations") if m.id}
    assert set(told) == meanings()
    for meaning, message in told.items():
        assert message.string and not message.fuzzy, meaning
        assert set(NAMED.findall(meaning)) == set(NAMED.findall(str(message.string))), meaning


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_every_unit_of_measure_has_a_name_in_every_language(language: str) -> None:
    names = {unit.name for unit in UNITS.values()}
    assert {name for name in names if catalogue(language).gettext(name) == name} == set()
    assert {str(m.id) for m in translated(language, "units") if m.id} <= names


def _fields(kind: Any, found: set[str], seen: set[Any]) -> None:
    """The names of fields in a structure and in those inside it."""
    if isinstance(kind, type) and not get_args(kind) and issubclass(kind, Struct):
        if kind not in seen:
            seen.add(kind)
            for field in msgspec.structs.fields(kind):
                found.add(field.name)
                _fields(field.type, found, seen)
        return
    for part in get_args(kind):
        _fields(part, found, seen)


def test_fields_of_events_and_of_every_object_have_names_in_every_language() -> None:
    found: set[str] = set()
    seen: set[Any] = set()
    for capability in CAPABILITIES:
        for kind in (*capability.events, *(m.table.kind for m in capability.machines)):
            _fields(kind, found, seen)
    assert found - set(FIELDS) == set()
