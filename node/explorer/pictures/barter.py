"""A barter contract as pictures: the two flows between its parties, and its lots one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from markupsafe import Markup

from contracts.barter.records import Totals
from contracts.barter.terms import Side
from node.explorer.cells import country_text
from node.explorer.language import amount_text, msg, number_text
from node.explorer.picture import element, group, line, path, rect, short, svg, text
from node.explorer.view import View

WIDTH = 960
MOST_LOTS = 40
"""Bars of the picture of lots; of more, the newest are drawn and the table has all."""


class Corner(NamedTuple):
    """A party and the guarantee that its state gives for its duty (None: not secured yet)."""

    name: str
    country: str
    guarantor: str
    cover: int
    state: str | None


class Stream(NamedTuple):
    """One direction, in minor units: of ``planned``, so much is done and so much on its way."""

    planned: int
    done: int
    moving: int


class Bar(NamedTuple):
    """A lot, or a delivery that is still planned (``state`` None), in minor units of value."""

    side: Side
    name: str
    value: int
    state: str | None
    settled: bool
    lost: bool
    when: str
    claim: int | None
    """What is open of the contract's claims after it; None if it did not change them."""


def flows(
    view: View, supplier: Corner, maker: Corner, components: Stream, goods: Stream, totals: Totals
) -> Markup:
    """The two parties with their guarantees, components one way, finished goods the other."""
    say, money = view.text, _money(view)
    words = say(
        msg(
            "%(supplier)s ships components worth %(planned)s to %(maker)s; %(credited)s is "
            "accepted. %(maker)s returns finished goods; %(delivered)s is delivered, and claims "
            "for %(open)s are open."
        ),
        supplier=supplier.name,
        maker=maker.name,
        planned=money(components.planned),
        credited=money(totals.credited),
        delivered=money(totals.delivered),
        open=money(totals.open),
    )
    parts = [
        *_corner(view, supplier, 10),
        *_corner(view, maker, WIDTH - 260),
        *_stream(view, components, say(msg("Components")), 168, forward=True),
        *_stream(view, goods, say(msg("Finished goods")), 262, forward=False),
        *_claim(view, totals),
    ]
    return svg(WIDTH, 404, "flows", say(msg("What flows between the parties")), words, parts)


def _money(view: View) -> Callable[[int], str]:
    return lambda minor: f"{amount_text(minor, view.language)} GV"


def _corner(view: View, corner: Corner, x: int) -> Iterator[Markup]:
    secured = corner.state is not None
    state = view.text(msg("not issued")) if corner.state is None else view.label(corner.state)
    yield rect(x, 10, 250, 84, "state-box" if secured else "state-box open", 8)
    told = view.text(msg("State guarantee %(country)s"), country=country_text(view, corner.country))
    yield text(x + 125, 33, told, "small")
    yield text(x + 125, 55, short(corner.guarantor, 28), "strong")
    sum_ = f"{amount_text(corner.cover, view.language)} SCU"
    yield text(x + 125, 79, f"{sum_} · {state}", "small")
    yield path(f"M{x + 125},94 V138", "tie" if secured else "tie open")
    yield rect(x, 138, 250, 184, "party-box", 8)
    yield text(x + 125, 226, short(corner.name, 26), "title")
    yield text(x + 125, 250, country_text(view, corner.country), "small")


def _stream(view: View, stream: Stream, label: str, y: int, *, forward: bool) -> Iterator[Markup]:
    left, right = 270, WIDTH - 270
    tip, tail = (right, left) if forward else (left, right)
    head = 16 if forward else -16
    span = right - left - 24
    base = left + 4 if forward else left + 20
    yield path(
        f"M{tail},{y + 22} H{tip - head} V{y + 12} L{tip},{y + 33} L{tip - head},{y + 54} "
        f"V{y + 44} H{tail} Z",
        "channel",
    )
    whole = max(stream.planned, stream.done + stream.moving, 1)
    done, moving = span * stream.done / whole, span * stream.moving / whole
    start = base if forward else base + span
    kind = "components" if forward else "goods"
    yield rect(start if forward else start - done, y + 26, done, 14, f"{kind} done")
    at = start + done if forward else start - done - moving
    yield rect(at, y + 26, moving, 14, f"{kind} moving")
    yield text(WIDTH / 2, y + 12, label, "strong")
    money = _money(view)
    told = view.text(
        msg("%(done)s of %(planned)s"), done=money(stream.done), planned=money(stream.planned)
    )
    if stream.moving:
        told += " · " + view.text(msg("%(moving)s on its way"), moving=money(stream.moving))
    yield text(WIDTH / 2, y + 62, told, "small")


_ENDS = (
    ("delivered", msg("delivered")),
    ("topped", msg("settled in money")),
    ("converted", msg("became a debt")),
    ("awarded", msg("ended by award or settlement")),
    ("cancelled", msg("cancelled for defects")),
    ("open", msg("still open")),
)


def _claim(view: View, totals: Totals) -> Iterator[Markup]:
    whole = totals.credited + totals.restored
    yield text(10, 350, view.text(msg("Claim of the supplier's side")), "small", "start")
    total = view.text(msg("in all %(amount)s"), amount=_money(view)(whole))
    yield text(WIDTH - 10, 350, total, "small", "end")
    yield rect(10, 358, WIDTH - 20, 16, "channel", 4)
    x, at = 10.0, 10.0
    for name, label in _ENDS:
        amount = getattr(totals, name)
        if amount <= 0:
            continue
        width = (WIDTH - 20) * amount / max(whole, 1)
        told = f"{view.text(label)} {_money(view)(amount)}"
        yield group([rect(x, 358, width, 16, f"part {name}")], told)
        yield rect(at, 387, 10, 10, f"part {name}", 2)
        yield text(at + 15, 396, told, "small", "start")
        x += width
        at += 34 + sum(14.0 if character > "\u2e80" else 7.3 for character in told)


def lots(view: View, bars: Sequence[Bar]) -> Markup:
    """Lots in the order of time: components upwards, goods downwards, and the open claim."""
    say = view.text
    shown = bars[-MOST_LOTS:]
    height, top, middle = 300, 26, 150
    room = 104
    most = max([bar.value for bar in shown] + [bar.claim or 0 for bar in shown] + [1])
    step = min(96.0, (WIDTH - 170) / max(len(shown), 1))
    left = 150.0
    parts = [
        line(left - 8, middle, WIDTH - 10, middle, "axis"),
        text(left - 14, middle - 60, say(msg("Components")), "small", "end"),
        text(left - 14, middle + 70, say(msg("Finished goods")), "small", "end"),
    ]
    points: list[str] = []
    for number, bar in enumerate(shown):
        x = left + number * step
        size = max(3.0, room * bar.value / most)
        up = bar.side is Side.COMPONENTS
        kind = "components" if up else "goods"
        manner = "planned" if bar.state is None else _manner(bar)
        state = view.label(bar.state) if bar.state else say(msg("planned"))
        told = f"{bar.name}: {_money(view)(bar.value)}, {state}, {bar.when}"
        y = middle - size if up else middle
        shape = rect(x + step * 0.14, y, step * 0.72, size, f"{kind} {manner}", 2)
        parts.append(group([shape], told))
        if step >= 44:
            under = middle - size - 11 if up else middle + size + 14
            parts.append(text(x + step / 2, under, short(state, int(step / 6.4)), "tiny"))
        if bar.claim is not None:
            points.append(f"{x + step / 2:.1f},{middle - room * bar.claim / most:.1f}")
    if points:
        parts.append(element("polyline", points=" ".join(points), class_="claim-line"))
        parts += [
            element("circle", cx=p.split(",")[0], cy=p.split(",")[1], r=3.5, class_="claim-dot")
            for p in points
        ]
    parts.append(text(WIDTH - 10, top - 10, say(msg("Line: claim that is open")), "tiny", "end"))
    done = sum(1 for bar in shown if bar.settled)
    words = say(
        msg("%(count)s lots and planned deliveries in the order of time; %(done)s are settled."),
        count=number_text(len(shown), view.language),
        done=number_text(done, view.language),
    )
    return svg(WIDTH, height, "lots-picture", say(msg("Lots over time")), words, parts)


def _manner(bar: Bar) -> str:
    if bar.lost:
        return "lost"
    return "done" if bar.settled else "moving"
