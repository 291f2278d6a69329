"""Limits and windows of the joint fund."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta

from contracts.framework.ballot import Majority
from contracts.framework.parameters import parameters_table
from contracts.framework.types import BASIS_POINTS, Days, MoneyOrNone, Share, counted
from ledger.codec import Struct


class FundParameters(Struct, tag="fund.Parameters"):
    """Limits and windows of the joint fund."""

    call_days: Annotated[
        Days, Meta(description="Days that a state has to pay a pledge that is called.")
    ] = 30
    first_loss_share: Annotated[
        Share,
        Meta(description="Part of each paid pledge that is ring-fenced for first losses, in basis "
             "points, rounded up."),
    ] = 2_000  # fmt: skip
    first_loss_cap: Annotated[
        MoneyOrNone,
        Meta(description="Most that one case draws from first losses; 0 for no limit."),
    ] = 0
    appraisal_days: Annotated[
        Days, Meta(description="Days that the fund has to appraise an application.")
    ] = 60
    vote_days: Annotated[Days, Meta(description="Days that the council has to vote.")] = 30
    funding_days: Annotated[
        Days, Meta(description="Days that an approved application waits for free money.")
    ] = 90
    approval: Annotated[
        Majority, Meta(description="Majority that approves an application or releases a pledge.")
    ] = Majority(1, 2)
    write_off: Annotated[Majority, Meta(description="Majority that writes a loan off.")] = Majority(
        2, 3
    )
    joint_venture_bonus: Annotated[
        Share,
        Meta(description="By how much a joint venture's score is raised, in basis points of it."),
    ] = 2_500
    least_score: Annotated[
        Share, Meta(description="Least weighted score that is put to the vote.")
    ] = 5_000
    conflict_share: Annotated[
        Annotated[int, Meta(ge=1, le=BASIS_POINTS), counted("basis points")],
        Meta(description="Share of an applicant, in basis points, from which on its owner's state "
             "is in conflict."),
    ] = 2_500  # fmt: skip
    largest_share: Annotated[
        Annotated[int, Meta(ge=1, le=BASIS_POINTS), counted("basis points")],
        Meta(description="Most that one application takes of the free money, in basis points."),
    ] = 5_000
    project_days: Annotated[
        Days, Meta(description="Latest date of a milestone, in days from the application.")
    ] = 1_825
    loan_days: Annotated[
        Days, Meta(description="Latest date of a repayment, in days from the application.")
    ] = 3_650
    grace_days: Annotated[
        Days, Meta(description="Days after a milestone's date in which it may still be attested.")
    ] = 30
    default_days: Annotated[
        Days, Meta(description="Days after which an unpaid instalment is in default.")
    ] = 90


FUND_PARAMETERS: Final = parameters_table("fund", FundParameters)
