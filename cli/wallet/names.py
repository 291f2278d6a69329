"""Names for what the ledger numbers: ``--save gears`` keeps an id, ``--contract gears`` uses it.

Names live on this machine, one file for each ledger below the configuration directory. An id may
also be given by its first digits, if they fit one saved id or one open object of the member alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from cli.errors import AMBIGUOUS_ID, BAD_NAME
from cli.files import write_private
from cli.profile import config_dir
from contracts.framework.event import Event, name_of
from contracts.framework.fields import fields_of, named_values
from contracts.framework.types import Kind
from contracts.registry import CAPABILITIES
from ledger.codec import Struct, from_plain
from ledger.errors import CodedError
from ledger.receipt import Receipt

LAST = "last"
NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_HEX = re.compile(r"[0-9a-f]{4,64}")
_IDS = frozenset({Kind.OBJECT, Kind.DIGEST})
_ID_CHARS = 64


def is_id(text: str) -> bool:
    """Whether a text is a whole id."""
    return len(text) == _ID_CHARS and _HEX.fullmatch(text) is not None


def matching(text: str, ids: Iterable[str]) -> str | None:
    """The one id that starts so, or None; raises ``AMBIGUOUS_ID`` if several do."""
    found = sorted({identity for identity in ids if identity.startswith(text)})
    if len(found) > 1:
        raise CodedError(AMBIGUOUS_ID, f"{text} fits {len(found)} ids; give more digits")
    return found[0] if found else None


class Names:
    """The names saved for one ledger."""

    def __init__(self, chain_id: bytes) -> None:
        self._path = config_dir() / "names" / f"{chain_id.hex()[:16]}.json"

    @property
    def path(self) -> Path:
        """Where they are kept."""
        return self._path

    def all(self) -> dict[str, str]:
        """Ids by name."""
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except ValueError:
            raise CodedError(BAD_NAME, f"{self._path} is damaged; delete it") from None
        return {str(name): str(identity) for name, identity in found.items()}

    def save(self, named: Mapping[str, str]) -> None:
        """Keep ids; a name that is known moves to its new id."""
        if named:
            text = json.dumps(self.all() | dict(named), indent=2) + "\n"
            write_private(self._path, text.encode(), exclusive=False)

    def find(self, text: str) -> str | None:
        """The id of a name, or of the first digits of a saved id; None if there is none."""
        known = self.all()
        if text in known:
            return known[text]
        return matching(text, known.values()) if _HEX.fullmatch(text) else None


def require_names(texts: Iterable[str]) -> None:
    """Raise ``BAD_NAME`` unless each is ``NAME`` or ``FIELD=NAME`` with a name to be saved."""
    for text in texts:
        name = text.rpartition("=")[2]
        if not NAME.fullmatch(name) or name == LAST:
            raise CodedError(
                BAD_NAME, f"{name!r}: a name starts with a letter and has letters, digits, - and _"
            )


def chosen(
    texts: Iterable[str], receipt: Receipt, operations: Iterable[Struct]
) -> tuple[dict[str, str], list[str]]:
    """The ids to save for ``--save`` options, and what the transaction made first as ``last``.

    ``NAME`` takes the first id that the receipt's events tell and the operations did not;
    ``FIELD=NAME`` that of an event's field. Options that nothing fits come back as second.
    """
    given = {value.hex() for op in operations for value in named_values(op, _IDS)}
    told = [(field, identity) for field, identity in _told(receipt) if identity not in given]
    made = [identity for field, identity, kind in _kinds(receipt) if identity not in given and kind]
    found = {LAST: made[0]} if made else {}
    left: list[str] = []
    for text in texts:
        field, _, name = text.rpartition("=")
        fitting = [i for f, i in told if f == field] if field else made
        if fitting:
            found[name] = fitting[0]
        else:
            left.append(text)
    return found, left


def _told(receipt: Receipt) -> Iterator[tuple[str, str]]:
    for field, identity, _ in _kinds(receipt):
        yield field, identity


def _kinds(receipt: Receipt) -> Iterator[tuple[str, str, bool]]:
    """Fields with ids in a receipt's events: name, id, and whether it is an object's."""
    kinds: dict[str, type[Event]] = {name_of(e): e for c in CAPABILITIES for e in c.events}
    for plain in receipt.events:
        kind = kinds.get(str(plain[0]))
        if kind is None:
            continue
        event: Any = from_plain(plain, kind)
        for field in fields_of(kind):
            value = getattr(event, field.name)
            if field.kind in _IDS and isinstance(value, bytes) and value:
                yield field.name, value.hex(), field.kind is Kind.OBJECT
