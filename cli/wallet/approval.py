"""Which keys a transaction needs, found by the ledger's own admission rule over proven state."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from cli.keystore import Entry
from cli.txfile import TransactionFile
from cli.wallet.provenstate import NotProvable, ProvenState
from contracts.executor import admit, read_candidate
from ledger import limits
from ledger.codec import encode
from ledger.errors import CodedError
from ledger.transaction import KeySignature, SignedTransaction

_INCOMPLETE = frozenset({"MISSING_SIGNATURES", "OVER_POLICY_LIMIT", "OVER_DAILY_LIMIT"})
_MOST_TOGETHER = 3


def problem(
    state: ProvenState, file: TransactionFile, signers: Sequence[bytes] | None = None
) -> CodedError | None:
    """Why the ledger would not admit the transaction now, or None.

    ``signers`` are public keys to suppose signed instead of those that did. Raises
    :class:`NotProvable` if the answer needs more of the state than single proofs give, and the
    state's own errors.
    """
    keys = file.signers if signers is None else tuple(sorted(set(signers)))
    # Admission looks at who signed, not at the signatures, which were verified before.
    supposed = SignedTransaction(
        file.signed.content, tuple(KeySignature(key, bytes(64)) for key in keys)
    )
    candidate = read_candidate(file.chain_id, encode(supposed))
    try:
        admit(state, state.time, candidate)
    except CodedError as error:
        if error is state.failure:
            raise
        return error
    return None


def is_incomplete(error: CodedError) -> bool:
    """Whether further signatures could cure an admission error."""
    return error.code.name in _INCOMPLETE


def choose(state: ProvenState, file: TransactionFile, held: Sequence[Entry]) -> list[Entry]:
    """The fewest of the keys held that complete the transaction, in the keystore's order.

    If none do, all that may count towards it, so that somebody else can complete it; if the
    ledger's answer cannot be had, all that are held.
    """
    try:
        for chosen in _ascending(held):
            if problem(state, file, [*file.signers, *(e.public for e in chosen)]) is None:
                return list(chosen)
        useful = []
        for entry in held:
            found = problem(state, file, [*file.signers, entry.public])
            if found is None or is_incomplete(found):
                useful.append(entry)
    except NotProvable:
        return list(held[: limits.MAX_SIGNATURES])
    return useful[: limits.MAX_SIGNATURES]


def _ascending(held: Sequence[Entry]) -> Iterator[tuple[Entry, ...]]:
    for size in range(min(len(held), _MOST_TOGETHER) + 1):
        yield from combinations(held, size)
