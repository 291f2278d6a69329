"""Whether and how a node serves the explorer."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple


class ExplorerSettings(NamedTuple):
    """``folder`` keeps the derived index; without one it is made anew in memory."""

    served: bool = True
    folder: Path | None = None


DEFAULT_EXPLORER: Final = ExplorerSettings()
