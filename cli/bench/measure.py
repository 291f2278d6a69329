"""What a load cost the nodes: CPU, memory and disk before, during and after."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from cli.bench import processes

_SAMPLE_S = 0.5


class Reading(NamedTuple):
    """Totals at one moment: CPU seconds and disk bytes of all nodes, memory of each in MiB."""

    cpu_s: float
    disk_bytes: int
    rss_mib: tuple[float, ...]


class Gauge:
    """Reads what nodes cost. A node is its process and its workers."""

    def __init__(self, pids: Sequence[int], folders: Sequence[Path]) -> None:
        self._pids = tuple(pids)
        self._folders = tuple(folders)

    def read(self) -> Reading:
        """The totals now."""
        families = [processes.family(pid) for pid in self._pids]
        return Reading(
            processes.cpu_seconds(pid for family in families for pid in family),
            sum(processes.disk_bytes(folder) for folder in self._folders),
            tuple(processes.rss_mib(family) for family in families),
        )


class Peak:
    """The largest memory of each node while this context lasts."""

    def __init__(self, gauge: Gauge) -> None:
        self._gauge = gauge
        self._task: asyncio.Task[None] | None = None
        self.rss_mib: tuple[float, ...] = ()

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._watch())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._task is not None
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        self._note()

    async def _watch(self) -> None:
        while True:
            self._note()
            await asyncio.sleep(_SAMPLE_S)

    def _note(self) -> None:
        now = self._gauge.read().rss_mib
        self.rss_mib = tuple(map(max, now, self.rss_mib)) if self.rss_mib else now
