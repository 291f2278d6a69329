"""The rooms of confidential annexes, as one value."""

from __future__ import annotations

from typing import Final

from contracts.annex import events, keys, operations, records, rules  # noqa: F401
from contracts.annex.invariants import INVARIANTS
from contracts.framework.capability import Capability

CAPABILITY: Final = Capability(
    name="annex",
    meaning="Confidential annexes: commitments, and content keys sealed to those entitled.",
    operations=(operations.RegisterEncryptionKey, operations.Seal, operations.Grant),
    events=(events.EncryptionKeyRegistered, events.AnnexSealed, events.AnnexGranted),
    machines=(),
    tables=records.TABLES,
    accounts=(),
    parameters=records.AnnexParameters,
    invariants=INVARIANTS,
)
