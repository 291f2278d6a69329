"""``iic wallet``: a member's keys, balances, payments, receipts and every operation it may make.

Used by people and scripts of members and role holders. It speaks to nodes through ``cli.client``,
takes the forms of operations from the declarations in ``contracts``, and knows no business rule.
"""

from __future__ import annotations

import click

from cli import output
from cli.wallet import (
    agenda,
    evidence,
    explorer,
    keys,
    money,
    operations,
    profiles,
    reading,
    statement,
    tx,
    votes,
)


@click.group("wallet", cls=output.Group)
def wallet() -> None:
    """Keys, balances, payments and receipts of a member."""


for _command in (
    *keys.COMMANDS,
    *reading.COMMANDS,
    *money.COMMANDS,
    agenda.todo,
    votes.vote,
    evidence.group,
    explorer.group,
    profiles.group,
    statement.statement,
    tx.group,
    *operations.groups(),
):
    wallet.add_command(_command)
