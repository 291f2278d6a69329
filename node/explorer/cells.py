"""Values of tables as HTML, by what their column holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from markupsafe import Markup, escape

from contracts.barter.terms import Ratio
from contracts.codes import UNITS
from contracts.framework.forms import format_instant
from contracts.framework.posting import owner_of
from node.api.describe import LEI_CHARS
from node.explorer.language import amount_text, msg, number_text, separators, territories
from node.explorer.table import Column, Format, Money

if TYPE_CHECKING:
    from node.explorer.view import View

APPLIED: Final = "applied"
"""The outcome of what was not refused."""

SHOWN: Final = 12
"""Hexadecimal digits of an id that people see."""

NOTHING: Final = Markup('<span class="none">–</span>')


def cell(view: View, column: Column[Any], row: Any) -> Markup:
    """One cell's content."""
    value = column.value(row)
    if value is None or value in ("", ()):
        return NOTHING
    told = column.told
    inner = value_html(view, column.format, value) if told is None else told(view, row)
    path = column.link(row) if column.link is not None else None
    if path is None:
        return inner
    return Markup('<a href="{}">{}</a>').format(view.href(path), inner)


def value_html(view: View, form: Format, value: Any) -> Markup:
    """A value as people read it."""
    return _FORMS[form](view, value)


def _text(view: View, value: str) -> Markup:
    return escape(value)


def _label(view: View, value: str) -> Markup:
    return escape(view.label(value))


_ALARMING: Final = frozenset(
    {
        "called", "compromised", "defaulted", "excluded", "expired", "frozen", "missed", "overdue",
        "red", "refused", "rejected", "suspended", "terminated", "void",
    }
)  # fmt: skip
"""States that a reader should not overlook."""


def _state(view: View, value: str) -> Markup:
    tone = " bad" if value in _ALARMING else ""
    return Markup('<span class="state{}">{}</span>').format(tone, view.label(value))


def _outcome(view: View, value: str) -> Markup:
    if value == APPLIED:
        return Markup('<span class="state good">{}</span>').format(view.text(msg("applied")))
    return Markup('<span class="state bad" title="{}">{}</span>').format(view.refusal(value), value)


def _count(view: View, value: int) -> Markup:
    return escape(number_text(value, view.language))


def _amount(view: View, value: Money) -> Markup:
    sign = "minus" if value.amount < 0 else "plus"
    return Markup('<span class="amount {}">{}</span> <abbr class="unit">{}</abbr>').format(
        sign, amount_text(value.amount, view.language), value.unit
    )


def _price(view: View, value: Ratio) -> Markup:
    per = "" if value.denominator == 1 else f" / {number_text(value.denominator, view.language)}"
    return escape(amount_text(value.numerator, view.language) + per)


def country_text(view: View, code: str) -> str:
    """A country by its name; what stands in a country's place by its own."""
    return str(territories(view.language).get(code) or view.label(code))


def unit_html(view: View, code: str) -> Markup:
    """A unit of measure by its name; the code stands in its title."""
    unit = UNITS.get(code)
    name = code if unit is None else view.text(unit.name)
    return Markup('<abbr title="{}">{}</abbr>').format(code, name)


def _country(view: View, value: str) -> Markup:
    return escape(country_text(view, value))


def _percent(view: View, value: int) -> Markup:
    whole, rest = divmod(abs(value), 100)
    sign = "\N{MINUS SIGN}" if value < 0 else ""
    point = separators(view.language)[1]
    whole_text = number_text(whole, view.language)
    return escape(f"{sign}{whole_text}{point}{rest:02}\N{NO-BREAK SPACE}%")


def instant_html(view: View, value: int) -> Markup:
    """A time in UTC; the script puts the reader's own time beside it."""
    if not value:
        return NOTHING
    iso = format_instant(value)
    return Markup('<time datetime="{}"><span>{}</span> <span>{}Z</span></time>').format(
        iso, iso[:10], iso[11:19]
    )


def _id(view: View, value: bytes | str) -> Markup:
    text = value.hex() if isinstance(value, bytes) else value
    if len(text) <= SHOWN + 1:
        return Markup("<code>{}</code>").format(text)
    return Markup('<code title="{}">{}…</code>').format(text, text[:SHOWN])


def party_html(view: View, lei: str) -> Markup:
    """A party by its name, linked to its page; a country code as it stands."""
    if len(lei) != LEI_CHARS or view.party(lei) is None:
        return escape(lei)
    return Markup('<a href="{}" title="{}">{}</a>').format(
        view.href(f"/members/{lei}"), lei, view.name(lei)
    )


def _parties(view: View, leis: tuple[str, ...]) -> Markup:
    return Markup(", ").join(party_html(view, lei) for lei in leis)


def account_html(view: View, account: str) -> Markup:
    """An account: its owner by name, its kind, what else tells it apart."""
    owner, _, rest = account.partition("/")
    kind, _, reference = rest.partition("/")
    told = reference
    if len(reference) == LEI_CHARS:
        told = view.name(reference)
    elif len(reference) > SHOWN + 1:
        told = f"{reference[:SHOWN]}…"
    return Markup('<a href="{}" title="{}">{} <span class="kind">{}</span>{}</a>').format(
        view.href(f"/accounts/{account}"),
        account,
        view.name(owner_of(account)) if len(owner) == LEI_CHARS else owner,
        view.account_kind(kind),
        f" {told}" if told else "",
    )


def _account_kind(view: View, value: str) -> Markup:
    return escape(view.account_kind(value))


def _flag(view: View, value: bool) -> Markup:
    return escape(view.text("yes") if value else view.text("no"))


_FORMS: Final[dict[Format, Callable[[Any, Any], Markup]]] = {
    Format.TEXT: _text,
    Format.WORDS: _text,
    Format.LABEL: _label,
    Format.STATE: _state,
    Format.OUTCOME: _outcome,
    Format.COUNTRY: _country,
    Format.UNIT: unit_html,
    Format.COUNT: _count,
    Format.PRICE: _price,
    Format.AMOUNT: _amount,
    Format.PERCENT: _percent,
    Format.INSTANT: instant_html,
    Format.ID: _id,
    Format.PARTY: party_html,
    Format.PARTIES: _parties,
    Format.ACCOUNT: account_html,
    Format.ACCOUNT_KIND: _account_kind,
    Format.FLAG: _flag,
}
