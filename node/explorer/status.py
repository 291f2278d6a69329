"""What the banner of every page says about the node that serves it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from node.api.handle import NodeHandle


class Status(NamedTuple):
    """The source of what a page shows.

    ``lag`` is how many blocks the node is behind the highest that it knows of; ``waiting_for`` why
    nothing becomes final, or empty; ``alarms`` what must not be overlooked.
    """

    name: str
    role: str
    lag: int
    syncing: bool
    waiting_for: str
    alarms: tuple[str, ...]


def of(node: NodeHandle) -> Status:
    """The present status of a node."""
    about = node.describe()
    height = node.head().height
    known = [peer["height"] for peer in about["peers"] if peer["height"] is not None]
    return Status(
        about["name"],
        about["role"],
        max(0, max(known, default=height) - height),
        about["syncing"],
        about["waiting_for"],
        tuple(about.get("alarms", ())),
    )
