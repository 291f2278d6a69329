"""``iic wallet todo``: all that waits for a member, by when, and the command that answers."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from cli import calls, output
from cli.wallet.session import Session, with_session
from cli.wallet.steps import commands
from contracts.framework.party import PARTY
from node.api.models import TodoItem


@click.command()
@click.option("--all", "everything", is_flag=True, help="Also what waits for others.")
@with_session
def todo(session: Session, everything: bool) -> None:
    """List what waits for your signature, the soonest first, each with its next commands.

    It covers every capability and every office that you hold. Words in capitals are for you to
    fill in.
    """
    items: list[TodoItem] = []
    names: dict[str, str] = {}
    cursor = ""
    while True:
        page = session.client.do(calls.todo(session.party, everything=everything, cursor=cursor))
        items += page.items
        names |= page.names
        cursor = page.next
        if not cursor:
            break
    items.sort(key=lambda item: (item.due is None, item.due.ms if item.due else 0))
    party = session.state.get(PARTY, session.party)
    answers = [(item, commands(item, party) if item.acts else []) for item in items]
    output.emit(
        {
            "party": session.party,
            "height": page.height,
            "items": [msgspec.to_builtins(item) | {"next": lines} for item, lines in answers],
            "names": names,
        },
        lambda: _show(answers),
    )


def _show(answers: list[tuple[TodoItem, list[str]]]) -> None:
    if not answers:
        output.say("Nothing waits for you.")
        return
    rows: list[tuple[Any, ...]] = []
    for item, _ in answers:
        identity = item.id or "/".join(map(str, item.key))
        due = "–" if item.due is None else output.moment(item.due.ms)
        rows.append((item.machine, item.state, due, item.capacity, output.short(identity, head=8)))
    output.table(("WHAT", "STATE", "DUE", "AS", "ID"), rows)
    for item, lines in answers:
        if lines:
            output.say(f"\n{item.machine} {output.short(item.id or '', head=8)}, {item.state}:")
        for line in lines:
            output.say(f"  {line}")
