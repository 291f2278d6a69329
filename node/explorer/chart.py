"""Charts: a declared table that is also drawn. Without scripts the table says everything."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, NamedTuple

from node.explorer.cells import value_html
from node.explorer.table import Money, Shown, Table
from node.explorer.view import View


@dataclass(frozen=True, slots=True)
class Chart:
    """How a table in long form is drawn: one point per row.

    ``x`` is the column of times, ``y`` that of values (amounts, shares in basis points or counts),
    and ``by`` the column that tells one line from another, or empty for a single line.
    """

    table: Table[Any]
    x: str
    y: str
    by: str = ""
    bars: bool = False


class Drawn(NamedTuple):
    """A chart as a template takes it."""

    shown: Shown
    data: str
    """JSON for the script: times in seconds, and lines, each with its unit and values."""


def draw(view: View, chart: Chart) -> Drawn:
    """The chart of all rows of its table."""
    columns = {column.name: column for column in chart.table.columns}
    points: dict[str, dict[int, float]] = {}
    units: dict[str, str] = {}
    shown = view.show(chart.table)
    for row in shown.rows:
        name = ""
        if chart.by:
            by = columns[chart.by]
            name = value_html(view, by.format, by.value(row)).striptags()
        value = columns[chart.y].value(row)
        if isinstance(value, Money):
            units[name], number = value.unit, value.amount / 100
        elif columns[chart.y].format.value == "percent":
            units[name], number = "%", (value or 0) / 100
        else:
            number = value
        points.setdefault(name, {})[columns[chart.x].value(row) // 1000] = number
    times = sorted({time for line in points.values() for time in line})
    data = {
        "times": times,
        "lines": [
            {"name": n, "unit": units.get(n, ""), "values": [line.get(t) for t in times]}
            for n, line in points.items()
        ],
        "bars": chart.bars,
    }
    return Drawn(shown, json.dumps(data, ensure_ascii=False))
