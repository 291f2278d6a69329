"""Several nodes seen together: who is where, whether they agree, and whether a quorum is there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from cli import calls, output, profile
from cli.client import Client
from ledger.errors import CodedError
from node.api.models import NodeView


class Seen(NamedTuple):
    """One node as its own API describes it; ``view`` is None if it did not answer."""

    url: str
    view: NodeView | None
    problem: str


class ClusterSeen(NamedTuple):
    """All nodes that were asked, and the conclusions."""

    nodes: Sequence[Seen]
    diverged_at: int | None
    quorum: int
    validators: int
    answering: int

    @property
    def healthy(self) -> bool:
        """Whether a quorum of validators answers and no two disagree."""
        return self.diverged_at is None and self.answering >= self.quorum

    def to_json(self) -> dict[str, Any]:
        """The facts for scripts."""
        return {
            "nodes": [_node_json(seen) for seen in self.nodes],
            "validators": self.validators,
            "quorum": self.quorum,
            "answering": self.answering,
            "further_failures_tolerated": max(0, self.answering - self.quorum),
            "diverged_at": self.diverged_at,
            "healthy": self.healthy,
        }


def profile_urls() -> list[str]:
    """The nodes of the chosen profile."""
    return list(profile.load().require_nodes())


def look(urls: Sequence[str]) -> ClusterSeen:
    """Ask every node. Raises ``NODE_UNREACHABLE`` only if none answers."""
    nodes = [_ask(url) for url in urls]
    views = [seen.view for seen in nodes if seen.view is not None]
    if not views:
        raise output.Failure(
            "NODE_UNREACHABLE",
            f"none of {len(urls)} nodes answers",
            output.Exit.UNREACHABLE,
            details={seen.url: seen.problem for seen in nodes},
        )
    roots: dict[int, set[str]] = {}
    for view in views:
        roots.setdefault(view.head.block, set()).add(view.head.state_root)
    diverged = [height for height, found in roots.items() if len(found) > 1]
    return ClusterSeen(
        nodes,
        min(diverged) if diverged else None,
        max(view.quorum for view in views),
        max(view.validators for view in views),
        sum(view.role == "validator" for view in views),
    )


VIEW_MARGIN = 10
"""Views added to the newest one seen, for those that pass while the answers are on their way."""


def safe_view(urls: Sequence[str]) -> int:
    """A view beyond all in which a node that has lost its votes can have voted.

    It entered its last view by a certificate of a quorum. Any 2f+1 other validators include a
    correct one of that quorum, which was at most one view behind. Raises ``NODE_UNREACHABLE`` if
    fewer answer.
    """
    seen = look(urls)
    views = {n.view.name: n.view.view for n in seen.nodes if n.view and n.view.role == "validator"}
    faults = seen.validators - seen.quorum
    if len(views) < 2 * faults + 1:
        raise output.Failure(
            "NODE_UNREACHABLE",
            f"{len(views)} validators answer, {2 * faults + 1} others are needed to be sure",
            output.Exit.UNREACHABLE,
            hint="Give more nodes by --node, or a view known to be safe by --below",
        )
    return max(views.values()) + VIEW_MARGIN


def show(seen: ClusterSeen) -> None:
    """The table that people read."""
    best = max(n.view.head.block for n in seen.nodes if n.view is not None)
    rows: list[tuple[Any, ...]] = []
    for one in seen.nodes:
        if one.view is None:
            rows.append((one.url, None, None, None, "unreachable"))
            continue
        head = one.view.head
        rows.append(
            (
                one.view.name,
                head.block,
                output.short(head.state_root, head=4, tail=0),
                best - head.block,
                _state(one.view),
            )
        )
    output.table(("NODE", ("HEIGHT", "right"), "STATE ROOT", ("LAG", "right"), "STATE"), rows)
    spare = seen.answering - seen.quorum
    if seen.diverged_at is not None:
        verdict = f"DIVERGED at height {seen.diverged_at}: stop, and compare by `iic node check`"
    elif len(seen.nodes) < seen.quorum:
        asked = "1 was" if len(seen.nodes) == 1 else f"{len(seen.nodes)} were"
        verdict = f"not known, only {asked} asked; give the others by --node or --home"
    elif spare < 0:
        verdict = f"not available, {-spare} more needed"
    elif spare == 0:
        verdict = "available, no further failure tolerated"
    else:
        verdict = f"available, {spare} further failure{'s' if spare > 1 else ''} tolerated"
    output.say(f"Quorum {seen.quorum} of {seen.validators}: {verdict}")


def _ask(url: str) -> Seen:
    try:
        with Client(url, patience_s=0.0, timeout_s=3.0) as client:
            return Seen(url, client.do(calls.node()), "")
    except CodedError as error:
        return Seen(url, None, error.message)


def _state(view: NodeView) -> str:
    if view.waiting_for:
        return f"waits for {view.waiting_for}"
    if view.syncing:
        return "catching up"
    return "voting" if view.role == "validator" else "following"


def _node_json(seen: Seen) -> dict[str, Any]:
    if seen.view is None:
        return {"url": seen.url, "reachable": False, "problem": seen.problem}
    view = seen.view
    return {
        "url": seen.url,
        "reachable": True,
        "name": view.name,
        "height": view.head.block,
        "state_root": view.head.state_root,
        "waiting_for": view.waiting_for,
        "ready": view.ready,
        "syncing": view.syncing,
    }
