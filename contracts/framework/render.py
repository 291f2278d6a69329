"""Operations, events and values in plain words, from their declarations.

The words are those of the declaration in the reader's language (English where a language has
none). What its sentence leaves out follows in brackets, so nothing that is filled in goes unsaid.

:func:`words` is for reading: ids are shortened, long lists counted, parties called by their names,
times told to the second, and a zero or a no that is the default goes without saying.
:func:`exact_words` is for signing: it depends on the operation alone, ids and parties stand in full
and texts in quotation marks, so that two different operations never read alike.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Protocol, runtime_checkable

from contracts.framework.fields import Field, fields_of
from contracts.framework.forms import format_amount, format_instant, reading_instant
from contracts.framework.operation import Operation
from contracts.framework.types import UNIT_MARK, Kind
from contracts.framework.vocabulary import choice_label, field_label
from ledger.codec import Struct

Naming = Callable[[str], str | None]
"""From an LEI to the party's name, or None."""


@runtime_checkable
class Readable(Protocol):
    """A group of fields that people write as one value, such as a price or a majority."""

    def reading(self) -> str:
        """The value in signs that every language has."""
        ...


LANGUAGES: Final = ("en", "ru", "zh")
PLACE: Final = re.compile(r"\{([a-z_]+)\}")
"""Where a declaration's text takes a field."""

SHOWN_ITEMS: Final = 3
"""Of a longer list, so many items are told and the others counted; exact words tell all."""

_NONE: Final = {"en": "none", "ru": "нет", "zh": "无"}
_FLAGS: Final = {"en": ("no", "yes"), "ru": ("нет", "да"), "zh": ("否", "是")}
_MORE: Final = {"en": "and {} more", "ru": "и ещё {}", "zh": "另有 {} 项"}
_SHORT: Final = 16


def words(op: Operation, language: str = "en", names: Naming = lambda lei: None) -> str:
    """What an operation states, for reading."""
    return _Teller(_known(language), names, exact=False).operation(op)


def exact_words(op: Operation, language: str = "en") -> str:
    """What an operation states, for signing: complete, and the same wherever it is made."""
    return _Teller(_known(language), lambda lei: None, exact=True).operation(op)


def value_words(
    field: Field, value: Any, language: str = "en", names: Naming = lambda lei: None
) -> str:
    """A field's value in words, for reading; items of a list are separated by semicolons."""
    return _Teller(_known(language), names, exact=False).value(field, value)


def form_lines(
    op: Operation, language: str = "en", names: Naming = lambda lei: None
) -> list[tuple[str, str]]:
    """Labels and values of an operation's fields, for a table."""
    told = _Teller(_known(language), names, exact=False)
    return [
        (field_label(field.name, language), told.value(field, getattr(op, field.name)))
        for field in fields_of(type(op))
    ]


def _known(language: str) -> str:
    return language if language in LANGUAGES else LANGUAGES[0]


@dataclass(frozen=True, slots=True)
class _Teller:
    """How values are told: in which language, with whose names, for reading or for signing."""

    language: str
    names: Naming
    exact: bool

    def operation(self, op: Operation) -> str:
        texts = op.declaration.text
        template = texts.get(self.language) or texts["en"]
        named = set(PLACE.findall(template))
        fields = fields_of(type(op))
        values = {f.name: self.value(f, getattr(op, f.name)) for f in fields if f.name in named}
        sentence = PLACE.sub(lambda match: values[match[1]], template)
        rest = [f for f in fields if f.name not in named]
        left = "; ".join(self._labelled(op, field) for field in rest if self._said(op, field))
        return f"{sentence} ({left})" if left else sentence

    def value(self, field: Field, value: Any) -> str:
        if field.many is None:
            return self._item(field, value)
        if not value:
            return _NONE[self.language]
        shown = value if self.exact else value[:SHOWN_ITEMS]
        items = [self._item(field, item) for item in shown]
        if len(value) > len(shown):
            items.append(_MORE[self.language].format(len(value) - len(shown)))
        return "; ".join(items)

    def _labelled(self, record: Struct, field: Field) -> str:
        text = self.value(field, getattr(record, field.name))
        return f"{field_label(field.name, self.language)} {text}"

    def _item(self, field: Field, value: Any) -> str:
        if value is None or value == "":
            return _NONE[self.language]
        if isinstance(value, Readable) and not self.exact:
            return value.reading()
        if isinstance(value, Struct):
            return self._group(value)
        if isinstance(value, bytes):
            return self._hex(value)
        if isinstance(value, str):
            return self._text(field, value)
        if isinstance(value, bool):
            return _FLAGS[self.language][value]
        return self._number(field, value)

    def _number(self, field: Field, value: int) -> str:
        if field.kind is Kind.AMOUNT:
            return f"{format_amount(value)} {unit_of(field)}"
        if field.kind is Kind.INSTANT:
            return format_instant(value) if self.exact else reading_instant(value)
        return str(value)

    def _text(self, field: Field, value: str) -> str:
        if isinstance(value, Enum):
            return choice_label(str(value.value), self.language)
        if field.kind is Kind.PARTY:
            return self.names(value) or value
        quoted = self.exact and field.kind is Kind.TEXT
        return json.dumps(value, ensure_ascii=False) if quoted else value

    def _group(self, value: Struct) -> str:
        """The fields of a group that are filled in; the first stands alone, as its subject."""
        parts = [
            self.value(field, getattr(value, field.name))
            if position == 0
            else self._labelled(value, field)
            for position, field in enumerate(fields_of(type(value)))
            if self._said(value, field)
        ]
        return f"[{', '.join(parts)}]" if self.exact else ", ".join(parts)

    def _said(self, record: Struct, field: Field) -> bool:
        value = getattr(record, field.name)
        if value in (None, "", (), b""):
            return False
        unsaid = not self.exact and value == field.default and value in (0, False)
        return not unsaid

    def _hex(self, value: bytes) -> str:
        text = value.hex()
        return text if self.exact or len(text) <= _SHORT else f"{text[:_SHORT]}…"


def unit_of(field: Field) -> str:
    """The unit of an amount: settlement currency, unless its declaration marks another."""
    return str(dict(field.schema).get(UNIT_MARK, "SCU"))
