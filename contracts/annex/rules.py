"""Who may be given the key of an annex, and what is kept of it."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import structs

from contracts.annex import operations as ops
from contracts.annex.events import AnnexGranted, AnnexSealed, EncryptionKeyRegistered
from contracts.annex.keys import check_key, taken
from contracts.annex.records import (
    ANNEX,
    ENCRYPTION_KEY,
    GRANT,
    KEY_HOLDER,
    Annex,
    AnnexParameters,
    Capacity,
    EncryptionKey,
    Grant,
    KeyHolder,
)
from contracts.errors import (
    ALREADY_GRANTED,
    ALREADY_SEALED,
    ANNEX_TOO_LARGE,
    INVALID_TERMS,
    NO_ENCRYPTION_KEY,
    NOT_A_RECIPIENT,
)
from contracts.framework.context import Context
from contracts.framework.operation import transition
from contracts.framework.party import PARTY, Right, Role
from ledger.errors import CodedError
from ledger.state import State


@transition(ops.RegisterEncryptionKey)
def register_key(ctx: Context, op: ops.RegisterEncryptionKey) -> None:
    """Replace the author's encryption key; no key is ever registered twice."""
    check_key(ctx, ctx.author, op.key)
    held = ctx.get(KEY_HOLDER, op.key)
    if held is not None:
        raise taken(held.owner)
    before = ctx.get(ENCRYPTION_KEY, ctx.author)
    version = 1 if before is None else before.version + 1
    ctx.put(ENCRYPTION_KEY, EncryptionKey(ctx.author, op.key, version, ctx.time), ctx.author)
    ctx.put(KEY_HOLDER, KeyHolder(ctx.author), op.key)
    ctx.emit(EncryptionKeyRegistered(ctx.author, op.key, version))


@transition(ops.Seal)
def seal(ctx: Context, op: ops.Seal) -> None:
    """Keep the commitment and give the key to every party at least."""
    if ctx.get(ANNEX, op.commitment) is not None:
        raise CodedError(
            ALREADY_SEALED, "an annex of this commitment is on the ledger", field="commitment"
        )
    largest = ctx.params(AnnexParameters).largest
    if op.size > largest:
        raise CodedError(
            ANNEX_TOO_LARGE, f"the annex has {op.size} bytes; the limit is {largest}", field="size"
        )
    if tuple(sorted(set(op.parties))) != op.parties or ctx.author not in op.parties:
        raise CodedError(
            INVALID_TERMS,
            "parties are listed once each, in the order of their LEIs, the author among them",
            field="parties",
        )
    for lei in op.parties:
        ctx.party(lei, Right.SETTLE, field="parties")
    missing = set(op.parties) - {envelope.recipient for envelope in op.envelopes}
    if missing:
        raise CodedError(
            INVALID_TERMS, f"{min(missing)} is a party and gets no key", field="envelopes"
        )
    annex = Annex(
        commitment=op.commitment,
        ciphertext=op.ciphertext,
        size=op.size,
        title=op.title,
        about=op.about,
        author=ctx.author,
        parties=op.parties,
        grants=0,
        time=ctx.time,
    )
    ctx.put(ANNEX, annex, annex.commitment)
    ctx.emit(AnnexSealed(annex.commitment, annex.author, annex.parties, annex.about, annex.size))
    _give(ctx, annex, op.envelopes, "sealed for its parties")


@transition(ops.Grant)
def grant(ctx: Context, op: ops.Grant) -> None:
    """Give the key to further recipients."""
    annex = ctx.find(ANNEX, op.annex, what="annex", field="annex")
    ctx.require_author(*annex.parties, capacity="a party of the annex")
    _give(ctx, annex, op.envelopes, op.reason)


def _give(ctx: Context, annex: Annex, envelopes: Sequence[ops.Envelope], reason: str) -> None:
    most = ctx.params(AnnexParameters).most_grants
    grants = annex.grants + len(envelopes)
    if grants > most:
        raise CodedError(
            INVALID_TERMS, f"an annex has at most {most} sealed keys", field="envelopes"
        )
    for index, envelope in enumerate(envelopes):
        where = f"envelopes[{index}]"
        capacity = capacity_of(ctx.state, annex.parties, envelope.recipient)
        if capacity is None:
            raise CodedError(
                NOT_A_RECIPIENT,
                f"{envelope.recipient} is no party of the annex, guarantor of a party's state, "
                "auditor or tribunal",
                field=f"{where}.recipient",
            )
        if capacity is not Capacity.PARTY:
            ctx.party(envelope.recipient, Right.SERVE, field=f"{where}.recipient")
        present = ctx.get(ENCRYPTION_KEY, envelope.recipient)
        if present is None or present.key != envelope.key:
            raise CodedError(
                NO_ENCRYPTION_KEY,
                f"{envelope.recipient} has registered no encryption key"
                if present is None
                else f"{envelope.recipient} has registered another encryption key, its "
                f"{present.version}. one",
                field=f"{where}.key",
            )
        place = (annex.commitment, envelope.recipient, envelope.key)
        if ctx.get(GRANT, *place) is not None:
            raise CodedError(
                ALREADY_GRANTED,
                f"{envelope.recipient} holds the key of this annex already",
                field=f"{where}.recipient",
            )
        given = Grant(
            annex=annex.commitment,
            recipient=envelope.recipient,
            key=envelope.key,
            sealed=envelope.sealed,
            capacity=capacity,
            by=ctx.author,
            reason=reason,
            time=ctx.time,
        )
        ctx.put(GRANT, given, *place)
        ctx.emit(AnnexGranted(annex.commitment, envelope.recipient, capacity, ctx.author, reason))
    ctx.put(ANNEX, structs.replace(annex, grants=grants), annex.commitment)


def capacity_of(state: State, parties: Sequence[str], recipient: str) -> Capacity | None:
    """In which capacity somebody may read an annex of some parties, or None."""
    if recipient in parties:
        return Capacity.PARTY
    reader = state.get(PARTY, recipient)
    if reader is None:
        return None
    for lei in parties:
        party = state.get(PARTY, lei)
        if party is not None and reader.holds(Role.GUARANTOR, party.profile.home):
            return Capacity.GUARANTOR
    if reader.holds(Role.TRIBUNAL):
        return Capacity.TRIBUNAL
    return Capacity.AUDITOR if reader.holds(Role.AUDITOR) else None
