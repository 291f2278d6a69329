"""``iic wallet pay …``: the everyday payments as short commands.

Each is one operation of the currency that ``iic wallet currency`` offers in full.
"""

from __future__ import annotations

from typing import Any

import click

from cli import output
from cli.wallet.compose import Order, carry_out, with_order
from cli.wallet.reading import available, require_funds
from cli.wallet.session import Session, with_session
from contracts.currency.operations import Leg, Transfer
from contracts.framework.forms import parse_amount
from ledger.limits import MAX_INT


def amount(ctx: click.Context, parameter: click.Parameter, value: Any) -> int:
    """Minor units of what a person typed; at least 0.01."""
    try:
        minor = parse_amount(value)
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, parameter) from None
    if not 1 <= minor <= MAX_INT:
        raise click.BadParameter("an amount is at least 0.01", ctx, parameter)
    return minor


@click.command()
@click.argument("party", metavar="PARTY")
@click.argument("minor", metavar="AMOUNT", callback=amount)
@click.option("--text", default="", help="Remittance information for the payee.")
@with_order
@with_session
def pay(session: Session, party: str, minor: int, text: str, order: Order) -> None:
    """Pay AMOUNT to PARTY, named as the register has it or by its LEI."""
    op = Transfer(legs=(Leg(session.lei(party), minor, text),))
    if order.out is None:
        require_funds(session, session.party, minor)

    def before() -> None:
        now = available(session, session.party)
        output.say(f"  Balance {output.money(now)} → {output.money(now - minor)}")

    carry_out(session, [op], order, before=before)


COMMANDS = (pay,)
