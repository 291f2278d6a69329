"""How long messages take between regions: round trips in ms, for clusters that span continents.

The figures are our own and plausible rather than measured: the great-circle distance between the
cities, a fibre 1.6 times as long, light at 200 km per ms in it.
"""

from __future__ import annotations

from typing import NamedTuple


class Table(NamedTuple):
    """Cities, and the round trip from each to each; within a city it is 1 ms."""

    cities: tuple[str, ...]
    round_trips: tuple[tuple[int, ...], ...]

    def one_way(self, sender: int, receiver: int) -> int:
        """From one machine to another; machines live in the cities in turn."""
        n = len(self.cities)
        return self.round_trips[sender % n][receiver % n] // 2


TABLES = {
    "continents": Table(
        ("Moscow", "Delhi", "Beijing", "São Paulo", "Johannesburg", "Cairo", "Jakarta"),
        (
            (1, 69, 93, 189, 147, 46, 149),
            (69, 1, 60, 231, 129, 71, 80),
            (93, 60, 1, 282, 187, 121, 84),
            (189, 231, 282, 1, 119, 164, 250),
            (147, 129, 187, 119, 1, 100, 137),
            (46, 71, 121, 164, 100, 1, 144),
            (149, 80, 84, 250, 137, 144, 1),
        ),
    ),
    "neighbours": Table(
        ("Minsk", "Moscow", "Almaty", "Tashkent", "Yerevan"),
        (
            (1, 11, 60, 54, 32),
            (11, 1, 50, 45, 29),
            (60, 50, 1, 11, 43),
            (54, 45, 11, 1, 33),
            (32, 29, 43, 33, 1),
        ),
    ),
}
