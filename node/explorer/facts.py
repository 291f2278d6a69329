"""Declared structures as facts: each field's label, and its value by the kind that was declared."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from babel.units import format_unit
from markupsafe import Markup, escape
from msgspec.structs import fields as names_of

from contracts.framework.ballot import Majority
from contracts.framework.fields import Field, fields_of
from contracts.framework.render import Readable, unit_of, value_words
from contracts.framework.types import UNIT_MARK, Kind
from ledger.codec import Struct
from node.api.describe import LEI_CHARS
from node.explorer.cells import (
    NOTHING,
    country_text,
    instant_html,
    party_html,
    unit_html,
    value_html,
)
from node.explorer.language import LOCALES, msg, number_text
from node.explorer.table import Format, Money
from node.explorer.view import View


@dataclass(frozen=True, slots=True)
class Line:
    """A field of a structure: what it is called, its value for people and as text alone."""

    name: str
    label: str
    value: Any
    html: Markup
    text: str


def lines_of(view: View, record: Struct) -> list[Line]:
    """The fields of a structure that are filled in."""
    return [
        Line(name, view.heading(name), value, html, text)
        for name, value, html, text in _values(view, record)
        if value not in (None, "", (), b"")
    ]


def _values(view: View, record: Struct) -> Iterator[tuple[str, Any, Markup, str]]:
    try:
        declared = {field.name: field for field in fields_of(type(record))}
    except TypeError:  # some field holds any values
        declared = {}
    for one in names_of(type(record)):
        value = getattr(record, one.name)
        field = declared.get(one.name)
        if field is None:
            html = bare_html(view, value)
            yield one.name, value, html, html.striptags()
        else:
            text = value_words(field, value, view.language, view.name)
            yield one.name, value, field_html(view, field, value), text


def field_html(view: View, field: Field, value: Any) -> Markup:
    """A declared field's value as people read it."""
    if field.many is None:
        return _item(view, field, value)
    return Markup("; ").join(_item(view, field, item) for item in value) or NOTHING


def _item(view: View, field: Field, value: Any) -> Markup:
    if value is None or value in ("", b""):
        return NOTHING
    if isinstance(value, Majority):
        return escape(majority_text(view, value))
    if isinstance(value, Readable):
        return escape(value.reading())
    if isinstance(value, Struct):
        return _group(view, value)
    shown = _KINDS.get(field.kind)
    if shown is not None:
        return shown(view, field, value)
    return bare_html(view, value)


def _group(view: View, value: Struct) -> Markup:
    """A group's fields; the first stands alone, as its subject."""
    parts = []
    for position, field in enumerate(fields_of(type(value))):
        inner = getattr(value, field.name)
        if inner in (None, "", (), b"") or (position and inner == field.default == 0):
            continue
        html = field_html(view, field, inner)
        if position:
            html = Markup('<span class="kind">{}</span> {}').format(view.field(field.name), html)
        parts.append(html)
    return Markup(", ").join(parts)


def bare_html(view: View, value: Any) -> Markup:
    """A value of which nothing is declared: parties and objects are still known by their names."""
    if isinstance(value, Majority):
        return escape(majority_text(view, value))
    if isinstance(value, tuple):
        return Markup("; ").join(bare_html(view, item) for item in value)
    if isinstance(value, bytes):
        return _object(view, value)
    if isinstance(value, bool):
        return value_html(view, Format.FLAG, value)
    if isinstance(value, int):
        return escape(number_text(value, view.language))
    if isinstance(value, Enum):
        return escape(view.label(str(value.value)))
    text = str(value)
    known = len(text) == LEI_CHARS and view.party(text) is not None
    return party_html(view, text) if known else escape(view.label(text))


def _object(view: View, value: bytes) -> Markup:
    path = view.path_of(value)
    if path is None:
        return Markup("<code>{}</code>").format(value.hex())
    return Markup('<a href="{}">{}</a>').format(view.href(path), value_html(view, Format.ID, value))


def majority_text(view: View, majority: Majority) -> str:
    """How many of the voters must agree."""
    if 2 * majority.numerator <= majority.denominator:
        return view.text(msg("more than half"))
    return view.text(msg("at least %(share)s"), share=majority.reading())


def counted_text(view: View, value: int, unit: str) -> str:
    """A number with what it counts: ``30 days``, ``20.00 %``, ``64 MB``."""
    if unit == "basis points":
        return value_html(view, Format.PERCENT, value).striptags()
    if unit == "ms":
        value, unit = _time(value)
    if unit == "bytes":
        value, unit = (value >> 20, "MiB") if value and value % (1 << 20) == 0 else (value, unit)
    if unit in _CLDR:
        locale = LOCALES[view.language]
        length: Any = "short" if view.language == "zh" else "long"
        return str(format_unit(value, _CLDR[unit], length=length, locale=locale))
    return f"{number_text(value, view.language)} {view.text(unit)}"


_CLDR: Final = {
    "days": "duration-day",
    "hours": "duration-hour",
    "s": "duration-second",
    "ms": "duration-millisecond",
    "bytes": "digital-byte",
}
COUNTED: Final = (msg("blocks"), msg("MiB"))
"""Units whose names are the explorer's own."""

_TIMES: Final = ((86_400_000, "days"), (3_600_000, "hours"), (1_000, "s"))


def _time(value: int) -> tuple[int, str]:
    """Milliseconds in the greatest unit that holds them evenly."""
    for size, unit in _TIMES:
        if value and value % size == 0:
            return value // size, unit
    return value, "ms"


def _integer(view: View, field: Field, value: int) -> Markup:
    unit = dict(field.schema).get(UNIT_MARK)
    return escape(
        number_text(value, view.language) if unit is None else counted_text(view, value, unit)
    )


_KINDS: Final[dict[Kind, Callable[[View, Field, Any], Markup]]] = {
    Kind.AMOUNT: lambda view, field, value: value_html(
        view, Format.AMOUNT, Money(value, unit_of(field))
    ),
    Kind.INTEGER: _integer,
    Kind.INSTANT: lambda view, field, value: instant_html(view, value),
    Kind.PARTY: lambda view, field, value: party_html(view, value),
    Kind.COUNTRY: lambda view, field, value: escape(country_text(view, value)),
    Kind.UNIT: lambda view, field, value: unit_html(view, value),
    Kind.OBJECT: lambda view, field, value: _object(view, value),
    Kind.TEXT: lambda view, field, value: escape(value)
    if field.bounds != (None, None)
    else bare_html(view, value),
    Kind.CHOICE: lambda view, field, value: escape(view.label(str(value.value))),
    Kind.FLAG: lambda view, field, value: value_html(view, Format.FLAG, value),
}  # fmt: skip
"""Kinds that are shown by more than their words. Texts without bounds are the contracts' own."""
