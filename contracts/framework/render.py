"""Operations, events and values in plain words, from their declarations.

The words are those of the declaration in the reader's language (English where a language has
none); a party appears under its name if ``names`` knows it and under its LEI otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum
from typing import Any

from contracts.framework.fields import Field, fields_of
from contracts.framework.forms import format_amount, format_instant
from contracts.framework.operation import Operation
from contracts.framework.types import Kind
from ledger.codec import Struct

Naming = Callable[[str], str | None]
"""From an LEI to the party's name, or None."""

LANGUAGES = ("en", "ru", "zh")
_NONE = {"en": "none", "ru": "нет", "zh": "无"}
_FLAGS = {"en": ("no", "yes"), "ru": ("нет", "да"), "zh": ("否", "是")}
_PLACE = re.compile(r"\{([a-z_]+)\}")
_SHORT = 16


def words(op: Operation, language: str = "en", names: Naming = lambda lei: None) -> str:
    """What an operation states, as one sentence."""
    template = op.declaration.text.get(language) or op.declaration.text["en"]
    values = {
        field.name: value_words(field, getattr(op, field.name), language, names)
        for field in fields_of(type(op))
    }
    return _PLACE.sub(lambda match: values[match[1]], template)


def value_words(
    field: Field, value: Any, language: str = "en", names: Naming = lambda lei: None
) -> str:
    """A field's value in words; items of a list are separated by semicolons."""
    if field.many is not None:
        items = [_item_words(field, item, language, names) for item in value]
        return "; ".join(items) or _NONE.get(language, _NONE["en"])
    return _item_words(field, value, language, names)


def _item_words(field: Field, value: Any, language: str, names: Naming) -> str:
    if value is None or value == "":
        return _NONE.get(language, _NONE["en"])
    if isinstance(value, Struct):
        return _group_words(value, language, names)
    if isinstance(value, bytes):
        return value.hex()[:_SHORT] + ("…" if len(value) * 2 > _SHORT else "")
    if isinstance(value, bool):
        return _FLAGS.get(language, _FLAGS["en"])[value]
    if field.kind is Kind.AMOUNT:
        return f"{format_amount(value)} SCU"
    if field.kind is Kind.INSTANT:
        return format_instant(value)
    if field.kind is Kind.PARTY:
        return names(value) or value
    return str(value.value if isinstance(value, Enum) else value)


def _group_words(value: Struct, language: str, names: Naming) -> str:
    """The fields of a group that are filled in; the first stands alone, as what it is about."""
    parts = []
    for position, field in enumerate(fields_of(type(value))):
        content = getattr(value, field.name)
        if content in (None, "", ()):
            continue
        text = value_words(field, content, language, names)
        parts.append(text if position == 0 else f"{field.label} {text}")
    return ", ".join(parts)


def form_lines(
    op: Operation, language: str = "en", names: Naming = lambda lei: None
) -> list[tuple[str, str]]:
    """Labels and values of an operation's fields, for a table."""
    return [
        (field.label, value_words(field, getattr(op, field.name), language, names))
        for field in fields_of(type(op))
    ]
