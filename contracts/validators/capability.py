"""The rooms of validators, as one value."""

from __future__ import annotations

from typing import Final

from contracts.framework.capability import Capability
from contracts.validators import epochs, events, faults, operations, records, rules  # noqa: F401
from contracts.validators.invariants import INVARIANTS

CAPABILITY: Final = Capability(
    name="validators",
    meaning="The guarantors' nodes that decide: their keys, epochs, and proven faults.",
    operations=(
        operations.RegisterNode,
        operations.RotateNode,
        operations.JoinValidators,
        operations.LeaveValidators,
        operations.ProposeNode,
        operations.ReportFault,
    ),
    events=(
        events.NodeRegistered,
        events.NodeMoved,
        events.EpochEnded,
        events.FaultProven,
        events.NodeDecided,
    ),
    machines=(records.NODE_MACHINE,),
    tables=records.TABLES,
    accounts=(),
    parameters=records.ValidatorParameters,
    invariants=INVARIANTS,
)
