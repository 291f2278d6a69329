"""``iic wallet vote``: a guarantor's vote in any ballot, as one short command."""

from __future__ import annotations

import click

from cli.wallet.compose import Order, carry_out, with_order
from cli.wallet.session import Session, with_session
from contracts.framework.ballot import Choice
from contracts.register.operations import CastVote


@click.command()
@click.argument("ballot", metavar="BALLOT")
@click.argument("choice", type=click.Choice([choice.value for choice in Choice]))
@click.option("--reason", default="", help="Why; needed for a no.")
@with_order
@with_session
def vote(session: Session, ballot: str, choice: str, reason: str, order: Order) -> None:
    """Vote in a ballot of the council: on admission, exclusion, offices, limits, the fund …"""
    op = CastVote(bytes.fromhex(session.id(ballot)), Choice(choice), reason)
    carry_out(session, [op], order)
