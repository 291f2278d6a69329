"""Limits and windows of barter contracts."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta

from contracts.framework.parameters import parameters_table
from contracts.framework.types import Days, counted
from ledger.codec import Struct


class BarterParameters(Struct, tag="barter.Parameters"):
    """Limits and windows of barter contracts."""

    offer_days: Annotated[
        Days, Meta(description="Longest time, in days, that an offer stands.")
    ] = 30
    securing_days: Annotated[
        Days, Meta(description="Business days for guarantees and relief after acceptance.")
    ] = 10
    contract_days: Annotated[
        Days, Meta(description="Longest time, in days, from an offer to its last due date.")
    ] = 1_825
    inspection_days: Annotated[
        Days, Meta(description="Business days to inspect a lot after its arrival.")
    ] = 10
    reminder_days: Annotated[
        Days, Meta(description="Business days after the reminder until silence is acceptance.")
    ] = 5
    cure_days: Annotated[Days, Meta(description="Days to cure a rejected lot.")] = 30
    max_cures: Annotated[int, Meta(ge=0, le=10, description="How often one lot may be cured.")] = 2
    late_days: Annotated[Days, Meta(description="Days after which a missed call-off is void.")] = 90
    residue_days: Annotated[
        Days, Meta(description="Days to settle what is left when the schedule is done.")
    ] = 30
    overdue_days: Annotated[
        Days, Meta(description="Days after which an overdue contract without notice ends.")
    ] = 180
    grace_days: Annotated[
        int,
        Meta(ge=0, le=3_650, description="Days of grace after a notice of default; 0 for none."),
        counted("days"),
    ] = 30
    default_days: Annotated[
        Days, Meta(description="Days to call the guarantee before a defaulted contract ends.")
    ] = 90
    call_days: Annotated[
        Days, Meta(description="Days after which an unanswered guarantee call falls back.")
    ] = 150
    recovery_days: Annotated[
        Days, Meta(description="Days for performance in kind after a guarantee has paid.")
    ] = 90
    force_majeure_days: Annotated[
        Days, Meta(description="Days of force majeure, in all, after which a contract ends.")
    ] = 90
    receivable_days: Annotated[
        Days, Meta(description="Days to pay a claim that became a receivable.")
    ] = 30
    customs_days: Annotated[
        Days, Meta(description="Days after acceptance in which customs may still decide on a lot.")
    ] = 180
    latent_days: Annotated[
        Days, Meta(description="Days after acceptance in which a hidden defect may be notified.")
    ] = 730
    defect_days: Annotated[
        Days, Meta(description="Days to answer a notice of defect; silence contests it.")
    ] = 30
    shift_days: Annotated[
        Days, Meta(description="Days for all parties of a chain to answer a proposed shift.")
    ] = 15
    wait_days: Annotated[
        Days, Meta(description="Days by which a link waits for a late link before it.")
    ] = 10
    max_chain: Annotated[int, Meta(ge=2, le=64, description="Most contracts in one chain.")] = 16


BARTER_PARAMETERS: Final = parameters_table("barter", BarterParameters)
