"""A netting cycle as a graph: who owed whom before it, and who owes whom after it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from markupsafe import Markup

from node.explorer.language import amount_text, msg, number_text
from node.explorer.picture import element, group, path, short, svg, text
from node.explorer.view import View

WIDTH, HEIGHT = 620, 430
MOST_MEMBERS = 18
"""Members of a picture; of more, the largest are drawn and the others stand together."""
OTHERS = ""
"""Who stands for all members that are not drawn."""


class Arc(NamedTuple):
    """What one member owed another, before and after, in minor units."""

    debtor: str
    creditor: str
    before: int
    after: int

    @property
    def cleared(self) -> int:
        """What the cycle cleared of it."""
        return self.before - self.after


def summarised(arcs: Iterable[Arc]) -> list[Arc]:
    """Arcs among the members that owe and claim most; the rest among the others, together."""
    arcs = list(arcs)
    gross: Counter[str] = Counter()
    for arc in arcs:
        gross[arc.debtor] += arc.before
        gross[arc.creditor] += arc.before
    if len(gross) <= MOST_MEMBERS:
        return arcs
    ranked = sorted(gross.items(), key=lambda item: (-item[1], item[0]))
    kept = {member for member, _ in ranked[: MOST_MEMBERS - 1]}
    sums: dict[tuple[str, str], tuple[int, int]] = {}
    for arc in arcs:
        ends = tuple(end if end in kept else OTHERS for end in (arc.debtor, arc.creditor))
        if ends[0] != ends[1]:
            before, after = sums.get((ends[0], ends[1]), (0, 0))
            sums[ends[0], ends[1]] = (before + arc.before, after + arc.after)
    return [Arc(debtor, creditor, *both) for (debtor, creditor), both in sums.items()]


def graph(view: View, arcs: Sequence[Arc], *, after: bool) -> Markup:
    """The graph before or after: arrows from who owes to whom it owes, as thick as the sum."""
    shown = summarised(arcs)
    members = sorted({end for arc in shown for end in (arc.debtor, arc.creditor)}, reverse=True)
    members.sort(key=lambda m: m == OTHERS)
    amounts = [(arc, arc.after if after else arc.before) for arc in shown]
    most = max([arc.before for arc in shown], default=1)
    places = {m: _place(number, len(members)) for number, m in enumerate(members)}
    name = "after" if after else "before"
    parts = [_marker(name)]
    parts += [
        _arrow(view, places, arc, amount, most, name) for arc, amount in amounts if amount > 0
    ]
    parts += [_member(view, member, places[member]) for member in members]
    total = sum(amount for _, amount in amounts)
    words = view.text(
        msg("%(members)s members owe each other %(total)s SCU over %(arcs)s pairs."),
        members=number_text(len(members), view.language),
        total=amount_text(total, view.language),
        arcs=number_text(sum(1 for _, amount in amounts if amount > 0), view.language),
    )
    title = view.text(msg("After the cycle") if after else msg("Before the cycle"))
    return svg(WIDTH, HEIGHT, f"graph-{name}", title, words, parts)


def _place(number: int, count: int) -> tuple[float, float]:
    angle = 2 * math.pi * number / max(count, 1) - math.pi / 2
    radius = HEIGHT * 0.4
    return WIDTH / 2 + radius * math.cos(angle), HEIGHT / 2 + radius * math.sin(angle)


def _marker(name: str) -> Markup:
    head = path("M0,0 L8,4 L0,8 Z", "arrow-head")
    return element(
        "defs",
        element(
            "marker",
            head,
            id=f"head-{name}",
            viewBox="0 0 8 8",
            refX=7,
            refY=4,
            markerWidth=9,
            markerHeight=9,
            markerUnits="userSpaceOnUse",
            orient="auto",
        ),
    )


def _arrow(
    view: View,
    places: dict[str, tuple[float, float]],
    arc: Arc,
    amount: int,
    most: int,
    name: str,
) -> Markup:
    (x1, y1), (x2, y2) = places[arc.debtor], places[arc.creditor]
    length = math.hypot(x2 - x1, y2 - y1) or 1.0
    ux, uy = (x2 - x1) / length, (y2 - y1) / length
    gap = 9
    sx, sy, ex, ey = x1 + ux * gap, y1 + uy * gap, x2 - ux * (gap + 2), y2 - uy * (gap + 2)
    bend = length * 0.14
    cx, cy = (sx + ex) / 2 - uy * bend, (sy + ey) / 2 + ux * bend
    width = 1.2 + 7 * math.sqrt(amount / most)
    told = view.text(
        msg("%(debtor)s owes %(creditor)s %(amount)s SCU"),
        debtor=_name(view, arc.debtor),
        creditor=_name(view, arc.creditor),
        amount=amount_text(amount, view.language),
    )
    line = path(
        f"M{sx:.1f},{sy:.1f} Q{cx:.1f},{cy:.1f} {ex:.1f},{ey:.1f}",
        "debt",
        stroke_width=round(width, 1),
        marker_end=f"url(#head-{name})",
    )
    return group([line], told)


def _member(view: View, member: str, place: tuple[float, float]) -> Markup:
    x, y = place
    name = _name(view, member)
    off = x - WIDTH / 2
    anchor = "middle" if abs(off) < 30 else ("start" if off > 0 else "end")
    below = y > HEIGHT / 2
    lx = x if anchor == "middle" else x + (13 if off > 0 else -13)
    ly = y + (24 if below else -14) if anchor == "middle" else y + 4
    parts = [
        element("circle", cx=round(x, 1), cy=round(y, 1), r=8, class_="member"),
        text(round(lx, 1), round(ly, 1), short(name, 19), "small", anchor),
    ]
    return group(parts, name)


def _name(view: View, member: str) -> str:
    return view.text(msg("all others")) if member == OTHERS else view.name(member)
