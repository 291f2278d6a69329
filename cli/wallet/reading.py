"""``iic wallet balance|history|status|receipt|…``: what the ledger says, asked of a node."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import click
import msgspec

from cli import calls, output
from cli.files import write_private
from cli.output import Exit, Failure
from cli.plans import refusal
from cli.wallet.compose import verified
from cli.wallet.keys import duration
from cli.wallet.session import FILE, Session, with_session
from contracts.accounts import AVAIL, HELD
from contracts.framework.posting import LINE, balance_of
from ledger.errors import CodedError
from node.api.models import AccountView, Moment, RowView, SubmissionView


def _plain(view: Any) -> Any:
    return msgspec.to_builtins(view)


def transaction_id(ctx: click.Context, parameter: click.Parameter, value: str) -> str:
    """A transaction or object id: 64 hexadecimal digits."""
    text = value.strip().lower()
    if len(text) != 64 or any(c not in "0123456789abcdef" for c in text):
        raise click.BadParameter("an id is 64 hexadecimal digits", ctx, parameter)
    return text


def _time(moment: Moment | None) -> str:
    return "–" if moment is None else output.moment(moment.ms)


@click.command()
@click.argument("party", required=False)
@with_session
def balance(session: Session, party: str | None) -> None:
    """Show what a member has, proven to a certified block. Without PARTY: your own."""
    lei = session.party if party is None else session.lei(party)
    state = session.state
    available = balance_of(state, AVAIL.of(lei))
    held = balance_of(state, HELD.of(lei))
    line = balance_of(state, LINE.of(lei))
    data = {
        "party": lei,
        "name": session.directory.name(lei),
        "available": available,
        "held": held,
        "line": line,
        "spendable": available + line,
        "unit": "SCU",
        "height": state.height,
        "time": {"iso": output.moment(state.time), "ms": state.time},
        "proven": True,
    }

    def human() -> None:
        output.say(f"{data['name']}  {lei}")
        rows = [("Available", available), ("Held", held), ("Credit line", line)]
        output.table(
            ("SCU", ("AMOUNT", "right")),
            [(name, output.money(amount)) for name, amount in rows]
            + [("Can spend", output.money(available + line))],
        )
        output.say(f"Proven at height {state.height}, {output.moment(state.time, local=True)}")

    output.emit(data, human)


@click.command()
@click.argument("party", required=False)
@with_session
def accounts(session: Session, party: str | None) -> None:
    """List every account of a member with its balance, as the node states it."""
    lei = session.party if party is None else session.lei(party)
    found: list[AccountView] = []
    cursor = ""
    while True:
        page = session.client.do(calls.accounts(lei, cursor=cursor))
        found += page.accounts
        cursor = page.next
        if not cursor:
            break
    output.emit(
        {"party": lei, "height": page.height, "accounts": _plain(found)},
        lambda: output.table(
            ("ACCOUNT", "UNIT", ("BALANCE", "right"), ("POSTINGS", "right"), "MEANING"),
            [(a.account, a.balance.unit, a.balance.text, a.count, a.meaning) for a in found],
        ),
    )


@click.command()
@click.argument("party", required=False)
@click.option("--limit", type=click.IntRange(1, 200), default=20, show_default=True)
@click.option("--page", type=click.IntRange(1), default=1, help="Further back: 2 is the next page.")
@click.option("--cursor", default="", help="Where to go on: `next` of an earlier page's JSON.")
@click.option("--all", "everything", is_flag=True, help="All pages, to the first entry.")
@with_session
def history(
    session: Session, party: str | None, limit: int, page: int, cursor: str, everything: bool
) -> None:
    """Show what concerned a member, newest first."""
    lei = session.party if party is None else session.lei(party)
    entries: list[RowView] = []
    names: dict[str, str] = {}
    for number in itertools.count(1):
        answer = session.client.do(calls.history(lei, cursor=cursor, limit=limit))
        if everything or number == page:
            entries += answer.entries
            names |= answer.names
        cursor = answer.next
        if not cursor or (number >= page and not everything):
            break
    more = "" if not cursor else f"More: iic wallet history {lei} --limit {limit} --page {page + 1}"
    output.emit(
        {
            "party": lei,
            "height": answer.height,
            "entries": _plain(entries),
            "names": names,
            "next": cursor,
        },
        lambda: _show_history(lei, entries, names, more),
    )


def _show_history(lei: str, entries: list[RowView], names: dict[str, str], more: str) -> None:
    account = AVAIL.of(lei)
    rows = []
    for entry in entries:
        mine = [p for p in entry.receipt.postings if p.account == account]
        amount = sum(p.amount.amount for p in mine)
        rows.append(
            (
                _time(entry.receipt.time),
                _what(entry, names),
                output.money(amount) if mine else "",
                mine[-1].balance.text if mine else "",
                entry.reference,
                output.short(entry.id),
            )
        )
    output.table(
        ("TIME", "WHAT", ("AMOUNT", "right"), ("BALANCE", "right"), "REFERENCE", "ID"), rows
    )
    if more:
        output.say(more)


def _what(entry: RowView, names: dict[str, str]) -> str:
    texts = [op.text or op.name for op in entry.operations] or [
        e.name for e in entry.receipt.events
    ]
    what = "; ".join(texts)
    for lei, name in names.items():
        what = what.replace(lei, name)
    if not entry.receipt.applied:
        what += f" (refused: {entry.receipt.code})"
    return what


@click.command()
@click.argument("identity", metavar="ID", callback=transaction_id)
@click.option(
    "--wait", type=duration, default=None, help="Wait until it is final, at most so long."
)
@with_session
def status(session: Session, identity: str, wait: int | None) -> None:
    """Say what became of a submission.

    Exit code 0: final. 3: refused. 4: pending, or unknown to the node.
    """
    raw = bytes.fromhex(identity)
    if wait is not None:
        [result] = session.client.wait_final([raw], wait_s=wait)
    else:
        result = session.client.do(calls.statuses([raw])).transactions[0]
    body = _plain(result)
    output.emit(body, lambda: _show_status(identity, result))
    outcome = {"final": Exit.OK, "refused": Exit.REFUSED}.get(result.status, Exit.UNKNOWN)
    if outcome is not Exit.OK:
        output.finish(outcome)


def _show_status(identity: str, result: SubmissionView) -> None:
    where = "" if result.height is None else f" at height {result.height}"
    output.say(f"tx {identity} {result.status.upper()}{where}")
    error = refusal(result)
    if error is not None:
        output.say(f"  {error}")
    elif result.status == "final":
        output.say(f"Receipt: iic wallet receipt {identity}")
    elif result.status == "unknown":
        output.say("  No node asked has seen it. Sending the same bytes again is safe.")


@click.command()
@click.argument("identity", metavar="ID", callback=transaction_id)
@click.option("--out", type=FILE, help="File to write; by default the id's start and .receipt.")
@with_session
def receipt(session: Session, identity: str, out: Path | None) -> None:
    """Fetch the receipt of a transaction, verify it, and write it to a file."""
    content = session.client.do(calls.receipt_file(bytes.fromhex(identity)))
    summary = verified(session, content, identity)
    path = out or Path(f"{identity[:16]}.receipt")
    write_private(path, content, exclusive=False)

    def human() -> None:
        output.done(f"{path}: verified, final at height {summary.height}")
        output.say(
            f"Next: iic audit verify-receipt {path} --genesis {session.profile.require_genesis()}"
        )

    output.emit(
        {
            "id": identity,
            "receipt": str(path),
            "applied": summary.receipt.applied,
            "code": summary.receipt.code,
            "height": summary.height,
        },
        human,
    )


@click.command()
@click.argument("name", required=False)
@with_session
def party(session: Session, name: str | None) -> None:
    """Show a party's standing, offices, keys and signing policy. Without NAME: your own."""
    answer = session.client.do(calls.party(session.party if name is None else session.lei(name)))
    who = answer.party

    def human() -> None:
        output.facts(
            [
                ("Name", who.name),
                ("LEI", who.lei),
                ("Kind", f"{who.kind}, {who.country}"),
                ("Standing", f"{who.standing} since {_time(who.since)}"),
                ("Offices", ", ".join(who.offices) or None),
                ("May", ", ".join(who.rights) or "nothing"),
            ]
        )
        output.table(
            ("KEY", "ROLE", "STATUS", "EXPIRES", "PUBLIC KEY"),
            [(k.name, k.role, k.status, _time(k.expires), k.public_key) for k in answer.keys],
        )
        output.table(
            ("CLASS", "SIGNED BY", ("UP TO", "right"), ("A DAY", "right")),
            [
                (
                    rule.operation_class,
                    " and ".join(f"{r.count} {r.role}" for r in rule.required),
                    rule.max_amount and rule.max_amount.text,
                    rule.daily_limit and rule.daily_limit.text,
                )
                for rule in answer.rules
            ],
        )
        for warning in answer.warnings:
            output.say(f"! {warning}")

    output.emit(_plain(answer), human)


@click.command()
@click.argument("text", default="")
@with_session
def parties(session: Session, text: str) -> None:
    """List the parties of the register; TEXT is part of a name or an LEI."""
    found = []
    cursor = ""
    while True:
        page = session.client.do(calls.parties(text, cursor=cursor))
        found += page.parties
        cursor = page.next
        if not cursor:
            break
    output.emit(
        {"height": page.height, "parties": _plain(found)},
        lambda: output.table(
            ("LEI", "NAME", "COUNTRY", "STANDING", "OFFICES"),
            [(p.lei, p.name, p.country, p.standing, ", ".join(p.offices)) for p in found],
        ),
    )


@click.command()
@click.argument("identity", metavar="ID")
@with_session
def object_(session: Session, identity: str) -> None:
    """Show an escrow, contract, guarantee, ballot or other object by its id or saved name."""
    found = session.client.do(calls.object(bytes.fromhex(session.id(identity))))
    output.emit(
        _plain(found),
        lambda: output.facts(
            [
                ("What", f"{found.machine}: {found.meaning}"),
                ("State", found.state),
                ("Due", _time(found.due)),
                ("Waits for", ", ".join(found.awaits) or None),
                ("Allows", ", ".join(found.events) or None),
                *((k.replace("_", " "), v) for k, v in found.fields.items()),
            ]
        ),
    )


object_.name = "object"

COMMANDS = (balance, accounts, history, status, receipt, party, parties, object_)


def available(session: Session, lei: str) -> int:
    """What a party can spend from its own balance, in minor units, proven."""
    return balance_of(session.state, AVAIL.of(lei))


def require_funds(session: Session, lei: str, amount: int) -> None:
    """Raise a refusal before anything is sent if a payment cannot succeed."""
    try:
        spendable = available(session, lei) + balance_of(session.state, LINE.of(lei))
    except CodedError:
        return  # the ledger will say
    if spendable >= amount:
        return
    raise Failure(
        "INSUFFICIENT_FUNDS",
        f"{session.directory.name(lei)} has {output.money(spendable)} SCU available, "
        f"needs {output.money(amount)}",
        Exit.REFUSED,
        hint="Nothing was sent. Check: iic wallet balance",
    )
