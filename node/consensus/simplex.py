"""The Simplex rules (in the making: the signatures below are settled)."""

from __future__ import annotations

from collections.abc import Sequence

from ledger import keys
from ledger.block import Certificate, Verify
from ledger.validators import ValidatorSet
from node.consensus.config import CoreConfig, Identity, Recovered
from node.consensus.effects import AnyEffect
from node.consensus.events import AnyEvent


class Core:
    """One validator's (or observer's) part in one epoch."""

    def __init__(
        self,
        config: CoreConfig,
        validators: ValidatorSet,
        identity: Identity,
        recovered: Recovered,
        verify: Verify = keys.verify,
    ) -> None:
        raise NotImplementedError

    @property
    def view(self) -> int:
        """The current view."""
        raise NotImplementedError

    @property
    def finalized(self) -> tuple[int, bytes]:
        """View and hash of the last block known to be final."""
        raise NotImplementedError

    def handle(self, event: AnyEvent) -> list[AnyEffect]:
        """Take one event; return what to do about it, in order."""
        raise NotImplementedError

    def certificates(self, views: Sequence[int]) -> tuple[Certificate, ...]:
        """What helps a peer that asks how these views ended: at most 64 certificates."""
        raise NotImplementedError
