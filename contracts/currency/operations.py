"""What members and issuers can do with the settlement currency."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from contracts.accounts import AVAIL
from contracts.errors import INSUFFICIENT_FUNDS, INVALID_TERMS, OVER_CREDIT_LINE
from contracts.framework.authority import member
from contracts.framework.operation import Operation, operation
from contracts.framework.party import Right
from contracts.framework.posting import entry
from contracts.framework.types import Lei, Line, Money
from ledger.codec import Struct
from ledger.limits import MAX_INT
from ledger.state import State

FUNDS = (INSUFFICIENT_FUNDS, OVER_CREDIT_LINE)


class Leg(Struct):
    """One payment within a transfer."""

    payee: Annotated[Lei, Meta(description="Who receives.")]
    amount: Annotated[Money, Meta(description="How much.")]
    text: Annotated[Line, Meta(description="Remittance information for the payee.")] = ""


def _legs_total(state: State, op: Transfer, party: str) -> int:
    return min(sum(leg.amount for leg in op.legs), MAX_INT)


@operation(
    policy="payment",
    by=member(Right.PAY),
    amount=_legs_total,
    posts=(entry("payer", AVAIL, "payee", AVAIL),),
    errors=(*FUNDS, INVALID_TERMS),
    text={"en": "Pay {legs}", "ru": "Заплатить {legs}", "zh": "支付 {legs}"},
)
class Transfer(Operation, tag="currency.Transfer"):
    """Pay one or more parties at once: all legs or none. Final as soon as it is recorded."""

    legs: Annotated[
        tuple[Leg, ...],
        Meta(min_length=1, max_length=256, description="Who receives how much."),
    ]
