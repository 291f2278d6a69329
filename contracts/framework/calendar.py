"""Business days by a calendar that is part of the state.

All days are days of UTC. A period of days does not count the day on which it starts, and a period
in business days ends at the last millisecond of its last business day, so nobody needs to know at
what hour a notice arrived.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Annotated, Final

from msgspec import Meta

from contracts.errors import OUT_OF_CALENDAR
from ledger.codec import Struct, Uint
from ledger.errors import CodedError
from ledger.state import State, Table

MS_PER_HOUR: Final = 3_600_000
MS_PER_DAY: Final = 86_400_000
_EPOCH_WEEKDAY: Final = 3
"""1 January 1970 was a Thursday; Monday is 0."""


class Calendar(Struct, tag=1):
    """The pinned calendar: weekend days (0 is Monday) and holidays, as days since the epoch.

    ``until`` is the first day that the calendar does not cover.
    """

    version: Annotated[str, Meta(min_length=1, max_length=32)]
    weekend: Annotated[tuple[Annotated[int, Meta(ge=0, le=6)], ...], Meta(max_length=6)]
    holidays: Annotated[tuple[Uint, ...], Meta(max_length=5_000)]
    until: Uint

    def is_business_day(self, day: int) -> bool:
        """Whether a day (since the epoch) counts; raises ``OUT_OF_CALENDAR`` beyond ``until``."""
        if day >= self.until:
            raise CodedError(
                OUT_OF_CALENDAR, f"calendar {self.version} does not cover day {day} since 1970"
            )
        if (day + _EPOCH_WEEKDAY) % 7 in self.weekend:
            return False
        position = bisect_left(self.holidays, day)
        return position == len(self.holidays) or self.holidays[position] != day


CALENDAR: Final = Table("calendar", Calendar)


def day_of(time: int) -> int:
    """The day since the epoch of a block time in ms."""
    return time // MS_PER_DAY


def end_of_day(day: int) -> int:
    """The last millisecond of a day."""
    return (day + 1) * MS_PER_DAY - 1


def after_business_days(calendar: Calendar, time: int, days: int) -> int:
    """The last millisecond of the ``days``-th business day after the day of ``time``."""
    day = day_of(time)
    while days > 0:
        day += 1
        if calendar.is_business_day(day):
            days -= 1
    return end_of_day(day)


def after_days(time: int, days: int) -> int:
    """The last millisecond of the ``days``-th day after the day of ``time``."""
    return end_of_day(day_of(time) + days)


def calendar_of(state: State) -> Calendar:
    """The calendar in force."""
    calendar = state.get(CALENDAR)
    if calendar is None:
        raise CodedError(OUT_OF_CALENDAR, "no calendar is pinned in the state")
    return calendar
