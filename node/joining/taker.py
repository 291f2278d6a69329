"""When a running node has its snapshots taken: the child process of :mod:`node.joining.taking`."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress
from pathlib import Path

import node
from node import limits
from node.config import Home
from node.logs import logger
from node.metrics import NodeMetrics

_log = logger("snapshot")
_ROOT = str(Path(node.__file__).parents[1])


class SnapshotTaker:
    """At most one child at a time; it is started a few blocks before each multiple of ``every``."""

    def __init__(self, home: Home, every: int, metrics: NodeMetrics) -> None:
        self._home = home
        self._every = every
        self._metrics = metrics
        self._lead = min(limits.SNAPSHOT_LEAD_BLOCKS, max(1, every // 2))
        self._task: asyncio.Task[None] | None = None

    def committed(self, height: int) -> None:
        """A block is in the store."""
        if self._every and self._task is None and (height + self._lead) % self._every == 0:
            target = height + self._lead
            self._task = asyncio.get_running_loop().create_task(self._take(target))

    async def close(self) -> None:
        """End the child, if one runs; what it wrote so far is removed by the next one."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _take(self, height: int) -> None:
        child = None
        try:
            child = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "node.joining.taking"),
                *(str(self._home.path), str(height)),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=os.environ | {"PYTHONPATH": _ROOT},
            )
            out, err = await child.communicate()
            if child.returncode == 0:
                self._metrics.snapshot_height.set(int(out))
                _log.info("snapshot taken", height=int(out))
            else:
                reason = err.decode("utf-8", "replace").strip().splitlines()
                _log.warning("no snapshot was taken", reason=reason[-1] if reason else "")
        except OSError as error:
            _log.warning("no snapshot was taken", reason=str(error))
        finally:
            self._task = None
            if child is not None and child.returncode is None:
                with suppress(ProcessLookupError):
                    child.kill()
                await asyncio.shield(child.wait())
