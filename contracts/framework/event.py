"""Events: what a receipt tells about things that are not movements of value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from contracts.framework.fields import named_values
from contracts.framework.types import Kind
from ledger.codec import Struct, to_plain


class Event(Struct):
    """Something that happened, in the past tense: ``class EscrowOpened(Event, tag="…")``.

    Its parties and objects are those in its fields; the event is found again under each.
    """


_SUBJECTS: Final = frozenset({Kind.PARTY, Kind.OBJECT})


def plain_event(event: Event) -> tuple[Any, ...]:
    """The event's name and its fields, as receipts hold them."""
    plain: tuple[Any, ...] = as_tuples(to_plain(event))
    return plain


def as_tuples(value: Any) -> Any:
    """Nested lists as nested tuples, the form in which decoding gives arrays back."""
    return tuple(as_tuples(v) for v in value) if isinstance(value, list | tuple) else value


def subjects_of(event: Event) -> Iterator[bytes]:
    """Under what the event is indexed: LEIs as ASCII, object ids as they are."""
    for value in named_values(event, _SUBJECTS):
        yield value.encode() if isinstance(value, str) else value


def name_of(event: type[Event]) -> str:
    """The event's published name."""
    tag = event.__struct_config__.tag
    return str(tag)
