"""What is true of annexes after every block. The numbers are those that auditors check."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from contracts.annex.keys import weakness
from contracts.annex.records import ANNEX, ENCRYPTION_KEY, GRANT, KEY_HOLDER, Capacity
from contracts.framework.capability import invariant
from contracts.framework.party import PARTY
from ledger.state import State


@invariant("annex-keys-have-one-owner", 12)
def keys_have_one_owner(state: State) -> Iterator[str]:
    """Every encryption key is fit, belongs to one party, and that party is in the register."""
    for _, found in state.scan(ENCRYPTION_KEY):
        holder = state.get(KEY_HOLDER, found.key)
        if holder is None or holder.owner != found.owner:
            yield f"the encryption key of {found.owner} is registered to another party"
        if weakness(found.key):
            yield f"the encryption key of {found.owner} is weak"
        if state.get(PARTY, found.owner) is None:
            yield f"{found.owner} has an encryption key and is not in the register"


@invariant("annex-grants-to-the-entitled", 12)
def grants_are_to_the_entitled(state: State) -> Iterator[str]:
    """Every sealed key is to a key of its recipient, by a party; every party has one."""
    grants: Counter[bytes] = Counter()
    readers: set[tuple[bytes, str]] = set()
    for _, grant in state.scan(GRANT):
        grants[grant.annex] += 1
        readers.add((grant.annex, grant.recipient))
        annex = state.get(ANNEX, grant.annex)
        holder = state.get(KEY_HOLDER, grant.key)
        name = f"annex {grant.annex.hex()[:16]}"
        if annex is None or grant.by not in annex.parties:
            yield f"{name}: {grant.by} gave its key and is no party"
        elif (grant.capacity is Capacity.PARTY) is not (grant.recipient in annex.parties):
            yield f"{name}: {grant.recipient} is no {grant.capacity.value}"
        if holder is None or holder.owner != grant.recipient:
            yield f"{name}: sealed to a key that is not of {grant.recipient}"
    for _, annex in state.scan(ANNEX):
        name = f"annex {annex.commitment.hex()[:16]}"
        if annex.grants != grants[annex.commitment]:
            yield f"{name}: {annex.grants} of {grants[annex.commitment]} sealed keys are counted"
        for party in annex.parties:
            if (annex.commitment, party) not in readers:
                yield f"{name}: its party {party} cannot read it"


INVARIANTS = (keys_have_one_owner, grants_are_to_the_entitled)
