"""A lane takes its part of the loop and no more, however it is asked."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from node.api.lane import Lane

turns = st.lists(st.tuples(st.floats(0.001, 0.2), st.floats(0.0, 3.0)), min_size=1, max_size=60)
"""How long each turn works, and how long nobody asks before it."""


@given(turns, st.floats(0.5, 8.0), st.floats(0.0, 3.0))
def test_work_never_exceeds_the_burst_and_its_part_of_the_time(
    asked: list[tuple[float, float]], rest: float, burst: float
) -> None:
    lane = Lane(rest=rest, waiting=1, burst=burst)
    began = free = lane._seen
    worked = 0.0
    longest = max(work for work, _ in asked)
    for work, idle in asked:
        start = free + idle
        done = start + work
        free = done + lane._pause(start, done)
        worked += work
        assert worked <= burst + longest + (done - began) / (1 + rest) + 1e-6


@given(st.floats(0.5, 8.0), st.integers(1, 50))
def test_an_idle_lane_does_its_burst_without_a_rest(rest: float, count: int) -> None:
    lane = Lane(rest=rest, waiting=1, burst=1.0)
    now = lane._seen
    for _ in range(count):
        assert lane._pause(now, now + 1.0 / count / 1.001) == 0.0
        now += 1.0 / count / 1.001
    assert lane._pause(now, now + 1.0) > 0.0
