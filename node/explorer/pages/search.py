"""Search: anything that people hold in their hands leads to a page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from contracts.codes import HARMONIZED
from contracts.framework.posting import account_kinds
from node.api.describe import LEI_CHARS
from node.explorer.language import msg
from node.explorer.pages.transactions import TOLD_COLUMNS
from node.explorer.site import Elsewhere, Page
from node.explorer.table import Column, Format, Slice, Table, cut, place_of
from node.explorer.told import Told, told_at, told_slice
from node.explorer.view import View

MAX_QUERY = 140
MAX_HITS = 50
_ID_DIGITS = 64


class Hit(NamedTuple):
    """Something that a query may mean. ``exact`` ones are meant beyond doubt."""

    kind: str
    title: str
    path: str
    detail: str = ""
    exact: bool = False


def hits(view: View) -> list[Hit]:
    """What a query leads to, the surest first."""
    text = view.query.get("q", "").strip()[:MAX_QUERY]
    if not text:
        return []
    found = [
        *_exact(view, text),
        *_goods(view, text),
        *_named(view, text),
        *_referenced(view, text),
    ]
    return found[:MAX_HITS]


def _exact(view: View, text: str) -> Iterator[Hit]:
    plain = text.replace(" ", "").replace("\N{NO-BREAK SPACE}", "")
    if plain.isascii() and plain.isdigit() and len(plain) <= 18:
        height = int(plain)
        if height <= view.head.height:
            # A number may be an HS code as well, so this alone does not decide.
            yield Hit(msg("block"), f"{height:,}", f"/blocks/{height}", exact=len(plain) < 6)
    lowered = plain.lower()
    if len(lowered) == _ID_DIGITS and all(c in "0123456789abcdef" for c in lowered):
        yield from _identity(view, bytes.fromhex(lowered))
    if len(plain) == LEI_CHARS and view.party(plain.upper()) is not None:
        lei = plain.upper()
        yield Hit(msg("member"), view.name(lei), f"/members/{lei}", lei, exact=True)
    owner, _, rest = text.partition("/")
    if rest.split("/")[0] in account_kinds() and len(owner) in (2, 4, LEI_CHARS):
        yield Hit(msg("account"), text, f"/accounts/{text}", exact=True)


def _identity(view: View, identity: bytes) -> Iterator[Hit]:
    text = identity.hex()
    place = view.reader.find_transaction(identity)
    if place is not None:
        told = told_at(view, place)
        yield Hit(msg("transaction"), told.sentence, f"/transactions/{text}", text, exact=True)
    elif view.node.status(identity).status == "pending":
        yield Hit(msg("transaction"), text, f"/transactions/{text}", exact=True)
    height = view.reader.height_of(identity)
    if height is not None:
        yield Hit(msg("block"), f"{height:,}", f"/blocks/{height}", text, exact=True)
    known = view.index.object(identity)
    if known is not None:
        kind = known[1] or msg("object")
        yield Hit(kind, text, view.object_path(identity), exact=True)


def _named(view: View, text: str) -> Iterator[Hit]:
    for lei in view.index.named(text, MAX_HITS):
        party = view.party(lei)
        if party is not None:
            detail = f"{lei}, {party.profile.home}, {view.label(party.state.value)}"
            yield Hit(msg("member"), party.profile.name, f"/members/{lei}", detail)


def _goods(view: View, text: str) -> Iterator[Hit]:
    digits = text.replace(".", "").replace(" ", "")
    if not (digits.isascii() and digits.isdigit() and 2 <= len(digits) <= 10):
        return
    for code in view.index.goods(digits, MAX_HITS):
        detail = HARMONIZED.get(code[:6], "")
        yield Hit(msg("HS code"), code, f"/goods/{code}", detail)


def _referenced(view: View, text: str) -> Iterator[Hit]:
    for told in told_slice(view, view.index.with_reference(text, 20), 20).rows:
        yield Hit(msg("reference"), told.reference, told.path, told.sentence)


HITS: Table[Hit] = Table(
    "found",
    msg("Found on the ledger"),
    columns=(
        Column("title", msg("Found"), Format.TEXT, lambda h: h.title, lambda h: h.path),
        Column("kind", msg("Kind"), Format.LABEL, lambda h: h.kind),
        Column("detail", msg("Details"), Format.WORDS, lambda h: h.detail),
    ),
    read=lambda view, cursor, limit: cut(hits(view), cursor, limit),
    empty=msg("Nothing on the ledger has this name, number or id."),
)


def search(view: View) -> dict[str, Any]:
    """What a query means; one exact meaning leads straight to its page."""
    found = hits(view)
    exact = [hit for hit in found if hit.exact]
    if len(exact) == 1 and len(found) == 1:
        raise Elsewhere(exact[0].path)
    return {
        "intro": view.text(
            msg(
                "By name, LEI, account, transaction or object id, block hash or height, "
                "reference of an author, HS code."
            )
        ),
        "tables": [view.show(HITS)] if view.query.get("q", "").strip() else [],
    }


def _with_goods(view: View, cursor: str, limit: int) -> Slice:
    places = view.index.with_goods(view.parameters["code"], place_of(cursor), limit)
    return told_slice(view, places, limit)


GOODS: Table[Told] = Table(
    "transactions", msg("Transactions that name it, newest first"), TOLD_COLUMNS, read=_with_goods
)


def goods(view: View) -> dict[str, Any]:
    """What was stated about goods of one HS code."""
    code: str = view.parameters["code"]
    shown = view.show(GOODS)
    if not shown.rows and not shown.first:
        raise view.missing(f"HS code {code[:20]}")
    return {
        "title": view.text(msg("HS code %(code)s"), code=code),
        "intro": HARMONIZED.get(code[:6], ""),
        "tables": [shown],
    }


PAGES = (
    Page("/search", msg("Search"), render=search, template="list.html", tables=(HITS,)),
    Page("/goods/{code}", msg("HS code"), render=goods, template="list.html", tables=(GOODS,)),
)
