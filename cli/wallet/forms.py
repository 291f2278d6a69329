"""Command lines of operations, made from their declarations: one option for each field.

A list of groups is a repeated option. A group is written as ``name=value; name=value``, as a JSON
object, or as ``@FILE`` with such an object; a single value may come from ``@FILE`` too. What a
person types becomes typed text as :func:`contracts.framework.forms.operation_from_text` reads it,
so the wallet checks exactly what the ledger checks.

>>> parse_group("payee=Volga Bearings; amount=1,500.00")
{'payee': 'Volga Bearings', 'amount': '1,500.00'}
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any

import click

from contracts.framework.fields import Field
from contracts.framework.operation import Declaration
from contracts.framework.types import Kind

_MAX_FILE_BYTES = 256 * 1024

_PLACEHOLDERS = {
    Kind.PARTY: "NAME|LEI",
    Kind.AMOUNT: "AMOUNT",
    Kind.INSTANT: "TIME",
    Kind.OBJECT: "ID",
    Kind.DIGEST: "SHA256",
    Kind.PUBLIC_KEY: "KEY",
    Kind.GROUP: "GROUP",
}


def option_name(field: Field, taken: Collection[str] = ()) -> str:
    """``public_key`` is ``--public-key``; a name that every command has gets ``--op-`` in front."""
    name = field.name.replace("_", "-")
    return f"--op-{name}" if f"--{name}" in taken else f"--{name}"


def command_name(declaration: Declaration) -> str:
    """``currency.OpenEscrow`` is ``open-escrow`` within the group ``currency``."""
    return declaration.title.lower().replace(" ", "-")


def options_of(declaration: Declaration, taken: Collection[str] = ()) -> list[click.Option]:
    """One option for each field, in the order of the declaration; ``taken`` are other options."""
    return [_option(field, taken) for field in declaration.fields]


def document_of(declaration: Declaration, values: dict[str, Any]) -> dict[str, Any]:
    """The operation as named text, from the values of its options; what was left out stays out."""
    document: dict[str, Any] = {"operation": declaration.name}
    for field in declaration.fields:
        value = values.get(_parameter(field))
        if value is None or value == ():
            if field.many is not None and field.required:
                document[field.name] = []
            continue
        document[field.name] = list(value) if field.many is not None else value
    return document


def parse_group(text: str) -> dict[str, Any]:
    """A group from what was typed; raises ``ValueError`` with a sentence."""
    body = text.strip()
    if body.startswith("{"):
        document = json.loads(body)
        if not isinstance(document, dict):
            raise ValueError("a group is a JSON object")
        return document
    found: dict[str, Any] = {}
    for part in filter(None, (p.strip() for p in body.split(";"))):
        name, equals, value = part.partition("=")
        if not equals or not name.strip():
            raise ValueError(f"{part!r} is not name=value")
        key = name.strip().replace("-", "_")
        if key in found:
            raise ValueError(f"{key} is given twice")
        found[key] = value.strip()
    return found


def read_document(text: str) -> Any:
    """JSON text, or that of ``@FILE``; raises ``ValueError`` or ``OSError``."""
    if text.startswith("@"):
        with Path(text[1:]).expanduser().open("rb") as file:
            raw = file.read(_MAX_FILE_BYTES + 1)
        if len(raw) > _MAX_FILE_BYTES:
            raise ValueError(f"{text[1:]} has more than {_MAX_FILE_BYTES} bytes")
        return json.loads(raw)
    return json.loads(text)


def _parameter(field: Field) -> str:
    # A field may be called like an option that every command has, such as `party`.
    return f"field_{field.name}"


def _option(field: Field, taken: Collection[str]) -> click.Option:
    group = field.group is not None
    many = field.many is not None
    return click.Option(
        [option_name(field, taken), _parameter(field)],
        required=field.required and (field.many is None or field.many[0] > 0),
        multiple=many,
        metavar=_PLACEHOLDERS.get(field.kind, field.kind.value.upper().replace(" ", "_")),
        callback=_reader(_group if group else _single) if group or not many else None,
        help=_help(field),
    )


def _help(field: Field) -> str:
    parts = [field.meaning]
    if field.choices:
        parts.append(f"One of: {', '.join(field.choices)}.")
    if field.parts:
        names = ", ".join(p.name if p.required else f"[{p.name}]" for p in field.parts)
        parts.append(f"Fields: {names}.")
    if field.many is not None:
        parts.append("Repeatable.")
    if not field.required and field.default not in (None, "", ()):
        parts.append(f"Default: {getattr(field.default, 'value', field.default)}.")
    return " ".join(parts)


Read = Callable[[str], Any]


def _reader(read: Read) -> Callable[[click.Context, click.Parameter, Any], Any]:
    def callback(ctx: click.Context, parameter: click.Parameter, value: Any) -> Any:
        try:
            if isinstance(value, tuple):
                return tuple(_flat(read(item) for item in value))
            return None if value is None else read(value)
        except (ValueError, OSError, RecursionError) as error:
            raise click.BadParameter(str(error), ctx, parameter) from None

    return callback


def _flat(items: Iterable[Any]) -> Iterable[Any]:
    """A file may hold a whole list of groups."""
    for item in items:
        if isinstance(item, list):
            yield from item
        else:
            yield item


def _group(text: str) -> Any:
    return read_document(text) if text.startswith("@") else parse_group(text)


def _single(text: str) -> Any:
    if not text.startswith("@"):
        return text
    return Path(text[1:]).expanduser().read_text(encoding="utf-8").strip()
