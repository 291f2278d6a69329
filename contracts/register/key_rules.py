"""What the operations on keys do."""

from __future__ import annotations

from contracts.errors import MOTION_OPEN, NOT_ENTITLED, RECOVERY_OPEN
from contracts.framework.ballot import Ballot, on_decision, open_motion
from contracts.framework.calendar import MS_PER_HOUR
from contracts.framework.context import Context
from contracts.framework.operation import transition
from contracts.framework.party import Right
from contracts.register.events import PolicyChanged, RecoveryEnded, RecoveryProposed
from contracts.register.key_operations import (
    AddKey,
    ChangePolicy,
    FreezeKeys,
    ProposeRescue,
    RecoverKeys,
    RevokeKey,
    RotateKey,
    VetoRecovery,
)
from contracts.register.keys import (
    add_key,
    freeze_keys,
    install_reserved,
    key_named,
    keyring_of,
    replace_key,
    reserve,
    revoke_key,
    set_rules,
)
from contracts.register.membership import ask_council
from contracts.register.records import (
    OFFICER,
    PENDING_RECOVERY,
    RECOVERY,
    RECOVERY_TABLE,
    PendingRecovery,
    Recovery,
    RecoveryState,
    RegisterParameters,
)
from ledger.codec import from_plain, to_plain
from ledger.errors import CodedError
from ledger.policy import Key, Keyring, Rule, check_keyring

RESCUE = "register.rescue"


@transition(RotateKey)
def rotate_key(ctx: Context, op: RotateKey) -> None:
    """Put the new key in the old one's place."""
    old = key_named(keyring_of(ctx, ctx.author), op.name, field="name")
    new = Key(old.name, old.role, op.public_key, ctx.time, op.expires)
    replace_key(ctx, ctx.author, old, new)


@transition(AddKey)
def add_key_to_keyring(ctx: Context, op: AddKey) -> None:
    """Add a key."""
    add_key(ctx, ctx.author, op.key)


@transition(RevokeKey)
def revoke_key_of_keyring(ctx: Context, op: RevokeKey) -> None:
    """Remove a key."""
    revoke_key(ctx, ctx.author, op.name)


@transition(FreezeKeys)
def freeze(ctx: Context, op: FreezeKeys) -> None:
    """Freeze the named keys, or all but those of officers."""
    names = op.names or tuple(
        key.name for key in keyring_of(ctx, ctx.author).keys if key.role != OFFICER
    )
    freeze_keys(ctx, ctx.author, names)


@transition(ChangePolicy)
def change_policy(ctx: Context, op: ChangePolicy) -> None:
    """Replace the rules of the signing policy."""
    set_rules(ctx, ctx.author, op.rules)
    ctx.emit(PolicyChanged(ctx.author))


@transition(RecoverKeys)
def recover_keys(ctx: Context, op: RecoverKeys) -> None:
    """Propose a new keyring for the author, open to veto."""
    _require_no_recovery(ctx, ctx.author)
    _reserve_all(ctx, ctx.author, op.keys, op.rules)
    _wait_for_veto(ctx, ctx.author, op.keys, op.rules, op.reason)


@transition(ProposeRescue)
def propose_rescue(ctx: Context, op: ProposeRescue) -> None:
    """Open the council's ballot on a new keyring for a party."""
    party = ctx.party(op.party, Right.MANAGE, field="party")
    _require_no_recovery(ctx, op.party)
    if open_motion(ctx, RESCUE, op.party) is not None:
        raise CodedError(MOTION_OPEN, "a ballot on a rescue of the party is open", field="party")
    _reserve_all(ctx, op.party, op.keys, op.rules)
    params = ctx.params(RegisterParameters)
    ask_council(
        ctx,
        RESCUE,
        party,
        reason=op.reason,
        majority=params.admission,
        days=params.vote_days,
        terms=(to_plain(op.keys), to_plain(op.rules)),
    )


@on_decision(RESCUE)
def rescue_decided(ctx: Context, ballot: Ballot, passed: bool) -> None:
    """Start the time for a veto, unless the party recovers by itself meanwhile."""
    if not passed or ctx.get(PENDING_RECOVERY, ballot.subject) is not None:
        return
    plain_keys, plain_rules = ballot.terms
    keys = from_plain(plain_keys, tuple[Key, ...])
    rules = from_plain(plain_rules, tuple[Rule, ...])
    _wait_for_veto(ctx, ballot.subject, keys, rules, ballot.reason)


def _require_no_recovery(ctx: Context, lei: str) -> None:
    if ctx.get(PENDING_RECOVERY, lei) is not None:
        raise CodedError(RECOVERY_OPEN, f"a recovery of the keys of {lei} waits already")


def _reserve_all(ctx: Context, lei: str, keys: tuple[Key, ...], rules: tuple[Rule, ...]) -> None:
    """Make sure now that the keyring can be put in place later."""
    check_keyring(Keyring(keys, rules), "keyring")
    for index, key in enumerate(keys):
        reserve(ctx, lei, key, field=f"keys[{index}]")


def _wait_for_veto(
    ctx: Context, lei: str, keys: tuple[Key, ...], rules: tuple[Rule, ...], reason: str
) -> None:
    hours = ctx.params(RegisterParameters).recovery_hours
    recovery = Recovery(
        ctx.new_id(),
        lei,
        keys,
        rules,
        RecoveryState.WAITING,
        ctx.time + hours * MS_PER_HOUR,
        reason,
    )
    ctx.open(RECOVERY, recovery)
    ctx.put(PENDING_RECOVERY, PendingRecovery(recovery.id), lei)
    ctx.emit(RecoveryProposed(lei, recovery.id, recovery.due))


@transition(VetoRecovery)
def veto_recovery(ctx: Context, op: VetoRecovery) -> None:
    """Stop a recovery of the author's keyring."""
    recovery = ctx.find(RECOVERY_TABLE, op.recovery, what="recovery", field="recovery")
    if recovery.lei != ctx.author:
        raise CodedError(NOT_ENTITLED, "only the party whose keys are recovered may veto")
    _end(ctx, recovery, "veto")


@RECOVERY.on_lapse("enact")
def veto_time_over(ctx: Context, recovery: Recovery) -> None:
    """Put the new keyring in place."""
    install_reserved(ctx, recovery.lei, recovery.keys, recovery.rules)
    _end(ctx, recovery, "enact")


def _end(ctx: Context, recovery: Recovery, event: str) -> None:
    ended = ctx.move(RECOVERY, recovery, event)
    ctx.delete(PENDING_RECOVERY, recovery.lei)
    ctx.emit(RecoveryEnded(recovery.lei, recovery.id, ended.state is RecoveryState.ENACTED))
