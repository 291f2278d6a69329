"""Tables: declared once, shown as HTML, and given as CSV and Parquet.

What a person reads depends on the language; what a program reads never does: names of columns,
amounts with a point, times in ISO 8601, ids and LEIs in full.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeVar

from markupsafe import Markup

from contracts.barter.terms import Ratio
from contracts.framework.forms import format_instant
from ledger.errors import CodedError
from node.errors import BAD_CURSOR
from node.explorer.language import msg

if TYPE_CHECKING:
    from node.explorer.view import View

R = TypeVar("R")


class Format(StrEnum):
    """What a column holds, and the type of its values."""

    TEXT = "text"
    """``str``, as it stands."""
    WORDS = "words"
    """``str``, a sentence in the reader's language."""
    LABEL = "label"
    """``str``, a name from the declarations (state, kind, choice): shown in the reader's words."""
    STATE = "state"
    """As LABEL, set apart: the state that an object is in."""
    OUTCOME = "outcome"
    """``str``: ``applied``, or the code of a refusal."""
    COUNTRY = "country"
    """``str``, an ISO 3166 code, shown by name."""
    UNIT = "unit-code"
    """``str``, a Rec 20 code, shown by the unit's name."""
    COUNT = "count"
    """``int``."""
    AMOUNT = "amount"
    """:class:`Money`."""
    PRICE = "price"
    """:class:`Ratio`, an exact price."""
    PERCENT = "percent"
    """``int``, basis points."""
    INSTANT = "instant"
    """``int``, ms since the Unix epoch; 0 for none."""
    ID = "id"
    """``bytes`` or hex text; people see its beginning."""
    PARTY = "party"
    """``str``, an LEI, shown by name; a country code stands for itself."""
    PARTIES = "parties"
    """Sequence of LEIs."""
    ACCOUNT = "account"
    """``str``, an account's name."""
    ACCOUNT_KIND = "account-kind"
    """``str``, the name of a kind of account."""
    FLAG = "flag"
    """``bool``."""


NUMERIC: Final = frozenset({Format.COUNT, Format.AMOUNT, Format.PRICE, Format.PERCENT})


class Money(NamedTuple):
    """An amount in minor units of a unit."""

    amount: int
    unit: str


@dataclass(frozen=True, slots=True)
class Column(Generic[R]):
    """One column: ``name`` for programs, ``label`` for people, a value for each row.

    ``link`` is the path of the page that the value leads to, without the language, or None.
    A value may be None where a row has none. A column that is not ``seen`` stands in files alone;
    ``told`` is what people see where that is not the value itself.
    """

    name: str
    label: str
    format: Format
    value: Callable[[R], Any]
    link: Callable[[R], str | None] | None = None
    seen: bool = True
    told: Callable[[View, R], Markup] | None = None

    @property
    def numeric(self) -> bool:
        """Whether its figures stand right-aligned."""
        return self.format in NUMERIC


class Slice(NamedTuple):
    """Rows of one page; ``next`` is the cursor of the page after it, empty at the end.

    ``torn`` says that what comes after the rows is in blocks that this node does not hold.
    """

    rows: Sequence[Any]
    next: str = ""
    torn: bool = False


Read = Callable[["View", str, int], Slice]
"""From the view, a cursor (empty: the beginning) and the most rows to a slice."""


@dataclass(frozen=True, slots=True)
class Table(Generic[R]):
    """A declared table. ``name`` is unique on its page; the first column names the row."""

    name: str
    caption: str
    columns: tuple[Column[R], ...]
    read: Read
    size: int = 50
    empty: str = msg("Nothing here yet.")

    @property
    def seen(self) -> list[Column[R]]:
        """The columns that people see."""
        return [column for column in self.columns if column.seen]


class Shown(NamedTuple):
    """One slice of a table as a template takes it; the paths are complete addresses."""

    table: Table[Any]
    rows: Sequence[Any]
    first: str
    """Where the table begins, empty on its first page."""
    next: str
    csv: str
    parquet: str
    torn: bool


def entire(rows: Sequence[Any]) -> Read:
    """A reader of rows that are all at hand."""
    return lambda view, cursor, limit: cut(rows, cursor, limit)


def entire_of(rows: Callable[[View], Iterable[Any]]) -> Read:
    """A reader of rows that are few and made for the page."""
    return lambda view, cursor, limit: cut(list(rows(view)), cursor, limit)


def cut(rows: Sequence[Any], cursor: str, limit: int) -> Slice:
    """The slice of a short list whose cursor is the number of the next row."""
    first = number_of(cursor)
    following = first + limit
    return Slice(rows[first:following], str(following) if following < len(rows) else "")


def number_of(cursor: str) -> int:
    """A cursor that is a number; 0 for the beginning. Raises ``BAD_CURSOR``."""
    if not cursor:
        return 0
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 18):
        raise CodedError(BAD_CURSOR, "a cursor is what the page before gave", field="cursor")
    return int(cursor)


def place_of(cursor: str) -> tuple[int, int] | None:
    """A cursor ``height.index``; None for the beginning. Raises ``BAD_CURSOR``."""
    if not cursor:
        return None
    height, _, index = cursor.partition(".")
    return number_of(height or "-"), number_of(index or "-")


def place_text(place: tuple[int, int]) -> str:
    """The cursor that :func:`place_of` reads."""
    return f"{place[0]}.{place[1]}"


def key_of(cursor: str) -> bytes:
    """A cursor that is a key in hexadecimal; empty for the beginning. Raises ``BAD_CURSOR``."""
    try:
        return bytes.fromhex(cursor)
    except ValueError:
        raise CodedError(
            BAD_CURSOR, "a cursor is what the page before gave", field="cursor"
        ) from None


def machine_columns(columns: Sequence[Column[Any]]) -> list[str]:
    """The names of a table's columns in CSV and Parquet."""
    names: list[str] = []
    for column in columns:
        names.append(column.name)
        if column.format is Format.AMOUNT:
            names.append(f"{column.name}_unit")
        elif column.format is Format.PARTY:
            names.append(f"{column.name}_name")
    return names


def machine_values(view: View, columns: Sequence[Column[Any]], row: Any) -> list[Any]:
    """A row for programs: text, whole numbers, flags, None; amounts and times as text."""
    values: list[Any] = []
    for column in columns:
        value = column.value(row)
        values.append(_machine(column.format, value))
        if column.format is Format.AMOUNT:
            values.append(None if value is None else value.unit)
        elif column.format is Format.PARTY:
            values.append(None if not value else view.name(value))
    return values


def _machine(form: Format, value: Any) -> Any:
    if value is None:
        return None
    match form:
        case Format.AMOUNT:
            return decimal(value.amount)
        case Format.PRICE:
            return price_text(value)
        case Format.INSTANT:
            return format_instant(value) if value else None
        case Format.ID:
            return value.hex() if isinstance(value, bytes) else value
        case Format.PARTIES:
            return " ".join(value)
        case _:
            return value


def decimal(minor: int) -> str:
    """Minor units as a decimal number with a point and no separators.

    >>> decimal(123456), decimal(-5)
    ('1234.56', '-0.05')
    """
    whole, rest = divmod(abs(minor), 100)
    return f"{'-' if minor < 0 else ''}{whole}.{rest:02}"


def price_text(price: Ratio) -> str:
    """An exact price: an amount for so many units.

    >>> price_text(Ratio(1250, 3))
    '12.50 / 3'
    """
    per = "" if price.denominator == 1 else f" / {price.denominator}"
    return f"{decimal(price.numerator)}{per}"
