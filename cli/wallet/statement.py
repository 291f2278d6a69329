"""``iic wallet statement``: a member's account over a period, as a file that proves itself."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from cli.export import statements
from cli.export.nodes import NodeSource
from cli.wallet.session import FILE, Session, with_session
from contracts.accounts import AVAIL


@click.command("statement")
@click.option("--account", default=AVAIL.name, show_default=True, help="Which of its accounts.")
@click.option(
    "--form", type=click.Choice(list(statements.FORMS)), default="html", show_default=True
)
@statements.period_options
@click.option("-o", "--out", type=FILE, required=True, help="File to write.")
@with_session
def statement(
    session: Session,
    account: str,
    form: str,
    first: datetime | None,
    last: datetime | None,
    out: Path,
) -> None:
    """Write a statement of an account: a page with its proofs, ISO 20022 or CSV.

    Every entry is verified first, and none is left out. Anybody checks a page offline with
    `iic audit verify-statement`.
    """
    genesis = session.ledger.genesis
    since, until = statements.period(genesis, first, last)
    name = account if "/" in account else f"{session.party}/{account}"
    source = NodeSource(session.client, genesis)
    statements.tell(statements.write(source, name, since, until, form, session.language, out), out)
