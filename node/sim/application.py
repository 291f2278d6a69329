"""What the simulated cluster decides about: bare blocks, or a ledger with real transactions."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Protocol

from ledger.block import Verify
from ledger.hashing import HASH_BYTES
from ledger.keys import PrivateKey
from ledger.validators import Validator, ValidatorSet
from node.consensus.config import CoreConfig, Identity
from node.replica import effects as fx
from node.replica import events as ev
from node.sim.bare import NOTHING, BareProcess, BareStore, bare_header, commit_of
from node.sim.disk import Disk
from node.sim.host import Process
from node.sim.medium import DiskEnvironment, Medium
from node.sim.plan import DELTA_MS

if TYPE_CHECKING:
    from node.sim.world import World

GENESIS_MS = 1_767_225_000_000
"""Block 0's time, ten minutes before virtual time 0."""


class Application(Protocol):
    """One run's ledger and its clients."""

    chain_id: bytes
    validators: ValidatorSet
    keys: tuple[PrivateKey, ...]
    genesis_hash: bytes
    to_all: bool
    """Whether a client request goes to every machine at once."""

    def new_disk(self) -> Disk:
        """A disk with block 0."""
        ...

    def new_process(
        self, identity: Identity, disk: Disk, verify: Verify, abstain_below: int
    ) -> Process:
        """A process over what a disk holds."""
        ...

    def check_transactions(self, wires: tuple[bytes, ...]) -> tuple[ev.Verdict, ...]:
        """The stateless checks."""
        ...

    def next_request(self, machine: int, clock: int) -> Iterable[ev.Submitted]:
        """What a client submits to a machine now."""
        ...

    def again(self, world: World) -> Iterable[ev.Submitted]:
        """What clients submit once more after healing, because its fate is unknown."""
        ...

    def answered(self, machine: int, answer: fx.Answer) -> None:
        """A replica has answered."""
        ...

    def is_settled(self, world: World) -> bool:
        """Whether the clients know the fate of all they submitted."""
        ...

    def unsettled(self) -> str:
        """What they still wait for, in words."""
        ...

    def committed(self, disk: Disk) -> None:
        """An honest machine's disk holds a block that no machine's held before."""
        ...

    def settled(self, world: World) -> None:
        """The run is over: hold the ledgers against each other and against the clients."""
        ...


@cache
def lei(number: int) -> str:
    """A valid LEI (ISO 17442) for a simulated party."""
    body = f"SIMULATED{number:09d}"
    digits = "".join(str(int(c, 36)) for c in body + "00")
    return f"{body}{98 - int(digits) % 97:02}"


@cache
def validator_keys(size: int) -> tuple[PrivateKey, ...]:
    """The same keys in every run."""
    return tuple(PrivateKey(bytes([7, i]) * 16) for i in range(size))


@cache
def validator_set(size: int) -> ValidatorSet:
    """Validators with those keys."""
    return ValidatorSet(
        0,
        tuple(
            Validator(f"{i:020d}", f"g{i}", "DE", key.public, b"", f"g{i}.invalid:1")
            for i, key in enumerate(validator_keys(size))
        ),
    )


class BareApplication:
    """No content at all; requests only end the idle wait, on all machines as batches would."""

    to_all = True

    def __init__(self, size: int, validators: ValidatorSet | None = None) -> None:
        self.chain_id = b"S" * HASH_BYTES
        self.validators = validators or validator_set(size)
        self.keys = validator_keys(size)
        self._block_0 = bare_header(self.chain_id, self.validators, 0, None, GENESIS_MS, NOTHING)
        self.genesis_hash = self._block_0.hash()
        self._requests = 0

    def new_disk(self) -> Disk:
        """A disk with block 0."""
        return Disk(self._format, BareStore)

    def _format(self) -> Medium:
        medium = Medium()
        BareStore(DiskEnvironment(medium)).commit(commit_of(self._block_0))
        return medium

    def new_process(
        self, identity: Identity, disk: Disk, verify: Verify, abstain_below: int
    ) -> Process:
        """A bare core over what a disk holds."""
        assert isinstance(disk.store, BareStore)
        return BareProcess(
            identity,
            self.validators,
            disk.store,
            disk.journal.load(),
            disk.journal.next_sequence,
            CoreConfig(self.chain_id, 2 * DELTA_MS, 3 * DELTA_MS),
            verify,
            abstain_below,
        )

    def check_transactions(self, wires: tuple[bytes, ...]) -> tuple[ev.Verdict, ...]:
        """Never asked for."""
        raise AssertionError("bare blocks have no transactions")

    def next_request(self, machine: int, clock: int) -> Iterable[ev.Submitted]:
        """A number."""
        self._requests += 1
        return (ev.Submitted(self._requests, (self._requests.to_bytes(8, "big"),)),)

    def again(self, world: World) -> Iterable[ev.Submitted]:
        """Nothing: heartbeats are enough to go on."""
        return ()

    def answered(self, machine: int, answer: fx.Answer) -> None:
        """Answers mean nothing here."""

    def is_settled(self, world: World) -> bool:
        """Always."""
        return True

    def unsettled(self) -> str:
        """Nothing."""
        return "no request waits"

    def committed(self, disk: Disk) -> None:
        """Bare blocks hold nothing to check."""

    def settled(self, world: World) -> None:
        """Nothing to compare beyond the headers."""
