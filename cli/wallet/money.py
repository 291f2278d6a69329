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
from contracts.currency.operations import (
    AcceptRequest,
    Leg,
    OpenEscrow,
    PayRequest,
    RefundEscrow,
    RejectRequest,
    ReleaseEscrow,
    RequestPayment,
    Transfer,
)
from contracts.currency.records import REQUEST_TABLE
from contracts.framework.forms import from_text, parse_amount
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


def optional_amount(ctx: click.Context, parameter: click.Parameter, value: Any) -> int | None:
    """As :func:`amount`; None if nothing was typed."""
    return None if value is None else amount(ctx, parameter, value)


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


@click.command("request")
@click.argument("party", metavar="PARTY")
@click.argument("minor", metavar="AMOUNT", callback=amount)
@click.option("--for", "subject", required=True, metavar="TEXT", help="For what.")
@click.option("--by", "payable", required=True, metavar="TIME", help="Last day or moment to pay.")
@with_order
@with_session
def request_payment(
    session: Session, party: str, minor: int, subject: str, payable: str, order: Order
) -> None:
    """Ask PARTY to pay AMOUNT. Until it accepts, nothing is owed."""
    values = {"debtor": session.lei(party), "amount": minor, "payable": payable, "subject": subject}
    carry_out(session, [from_text(RequestPayment, values)], order)


@click.command()
@click.argument("request", metavar="ID")
@with_order
@with_session
def accept(session: Session, request: str, order: Order) -> None:
    """Accept a payment request: from then on it is a debt."""
    carry_out(session, [AcceptRequest(bytes.fromhex(session.id(request)))], order)


@click.command()
@click.argument("request", metavar="ID")
@click.option("--reason", required=True, help="Why; the creditor reads it.")
@with_order
@with_session
def reject(session: Session, request: str, reason: str, order: Order) -> None:
    """Reject a payment request."""
    carry_out(session, [RejectRequest(bytes.fromhex(session.id(request)), reason)], order)


@click.command("pay-request")
@click.argument("request", metavar="ID")
@click.argument("minor", metavar="[AMOUNT]", callback=optional_amount, required=False)
@with_order
@with_session
def pay_request(session: Session, request: str, minor: int | None, order: Order) -> None:
    """Pay an accepted payment request: AMOUNT of it, or all that remains."""
    identity = bytes.fromhex(session.id(request))
    if minor is None:
        record = session.state.get(REQUEST_TABLE, identity)
        if record is None:
            raise click.BadParameter("there is no such payment request", param_hint="ID")
        minor = record.remaining
    if order.out is None:
        require_funds(session, session.party, minor)
    carry_out(session, [PayRequest(identity, minor)], order)


@click.command()
@click.argument("party", metavar="PARTY")
@click.argument("minor", metavar="AMOUNT", callback=amount)
@click.option("--signer", required=True, metavar="NAME|LEI", help="Who finds the condition met.")
@click.option("--condition", required=True, help="What must be met.")
@click.option("--until", "expires", required=True, metavar="TIME", help="Then it goes back.")
@with_order
@with_session
def escrow(
    session: Session,
    party: str,
    minor: int,
    signer: str,
    condition: str,
    expires: str,
    order: Order,
) -> None:
    """Set AMOUNT aside for PARTY until a signer finds a condition met."""
    values = {
        "payee": session.lei(party),
        "amount": minor,
        "signer": session.lei(signer),
        "condition": condition,
        "expires": expires,
    }
    op = from_text(OpenEscrow, values)
    if order.out is None:
        require_funds(session, session.party, minor)
    carry_out(session, [op], order)


@click.command()
@click.argument("identity", metavar="ID")
@with_order
@with_session
def release(session: Session, identity: str, order: Order) -> None:
    """Release an escrow to its payee."""
    carry_out(session, [ReleaseEscrow(bytes.fromhex(session.id(identity)))], order)


@click.command()
@click.argument("identity", metavar="ID")
@with_order
@with_session
def refund(session: Session, identity: str, order: Order) -> None:
    """Give an escrow back to its payer."""
    carry_out(session, [RefundEscrow(bytes.fromhex(session.id(identity)))], order)


COMMANDS = (pay, request_payment, accept, reject, pay_request, escrow, release, refund)
