"""What members can do with their keys and signing policy."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Any

from msgspec import Meta

from contracts.errors import (
    INVALID_TERMS,
    KEY_IN_USE,
    KEY_NAME_TAKEN,
    MOTION_OPEN,
    NO_HOME_STATE,
    NO_VOTERS,
    RECOVERY_OPEN,
    UNKNOWN_KEY,
)
from contracts.framework.authority import Signing, by_any_key, by_role, holder_of, member
from contracts.framework.ballot import BallotOpened
from contracts.framework.operation import Operation, operation
from contracts.framework.party import PARTY, Right, Role, holder
from contracts.framework.types import Instant, Lei, ObjectId, PartyKey, Reason
from contracts.register.events import (
    KeyFrozen,
    KeyRegistered,
    KeyRevoked,
    PolicyChanged,
    RecoveryEnded,
    RecoveryProposed,
)
from contracts.register.operations import NewKeys, NewRules, new_keys
from contracts.register.records import OFFICER
from ledger.errors import BAD_KEY, BAD_POLICY, MISSING_SIGNATURES, CodedError
from ledger.policy import Key, Keyring
from ledger.state import State

KeyName = Annotated[str, Meta(min_length=1, max_length=32, description="Which key, by its name.")]
_KEY_ERRORS = (BAD_POLICY, BAD_KEY, KEY_IN_USE)


def _old_key(keyring: Keyring, op: Any, signers: Collection[bytes], time: int) -> None:
    key = keyring.named(op.name)
    if key is None or key.public_key not in signers or not key.usable(time):
        raise CodedError(
            MISSING_SIGNATURES, f"the key {op.name!r} that is to be replaced must sign"
        )


def registrar_and_home(state: State, author: str, op: Any) -> tuple[str, ...]:
    """The registrar and the guarantor of the author's home state."""
    party = state.get(PARTY, author)
    registrar = holder(state, Role.REGISTRAR)
    guarantor = None if party is None else holder(state, Role.GUARANTOR, party.profile.home)
    found = (registrar, guarantor)
    if registrar is None or guarantor is None:
        raise CodedError(NO_HOME_STATE, "recovery needs a registrar and a home guarantor")
    return tuple(dict.fromkeys(lei for lei in found if lei is not None and lei != author))


@operation(
    policy="keys",
    by=member(Right.MANAGE),
    signing=Signing("by the key that is replaced", approve=_old_key),
    proofs=lambda op: (op.public_key,),
    emits=(KeyRegistered, KeyRevoked),
    errors=(*_KEY_ERRORS, UNKNOWN_KEY),
    text={
        "en": "Replace the key {name} by {public_key}",
        "ru": "Заменить ключ {name} на {public_key}",
        "zh": "将密钥 {name} 更换为 {public_key}",
    },
)
class RotateKey(Operation, tag="register.RotateKey"):
    """Replace a key by a new one of the same name and role; the old and the new key sign."""

    name: KeyName
    public_key: Annotated[PartyKey, Meta(description="The new public key.")]
    expires: Annotated[Instant, Meta(description="When the new key stops signing.")]


@operation(
    policy="keys",
    by=member(Right.MANAGE),
    proofs=lambda op: (op.key.public_key,),
    emits=(KeyRegistered,),
    errors=(*_KEY_ERRORS, KEY_NAME_TAKEN),
    text={"en": "Add the key {key}", "ru": "Добавить ключ {key}", "zh": "添加密钥 {key}"},
)
class AddKey(Operation, tag="register.AddKey"):
    """Add a key to the keyring; the new key signs too."""

    key: Annotated[Key, Meta(description="The new key.")]


@operation(
    policy="keys",
    by=member(Right.MANAGE),
    emits=(KeyRevoked,),
    errors=(BAD_POLICY, UNKNOWN_KEY),
    text={"en": "Remove the key {name}", "ru": "Удалить ключ {name}", "zh": "移除密钥 {name}"},
)
class RevokeKey(Operation, tag="register.RevokeKey"):
    """Remove a key for good. The signing policy must remain possible to satisfy."""

    name: KeyName


@operation(
    policy="keys",
    by=member(Right.MANAGE),
    signing=by_any_key(),
    emits=(KeyFrozen,),
    errors=(UNKNOWN_KEY,),
    text={"en": "Freeze keys {names}", "ru": "Заморозить ключи {names}", "zh": "冻结密钥 {names}"},
)
class FreezeKeys(Operation, tag="register.FreezeKeys"):
    """Freeze keys at once because they may be compromised; any one key of the member suffices.

    A frozen key never signs again; rotation by another key's authority or recovery replaces it.
    """

    names: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=32)], ...],
        Meta(max_length=16, description="Which keys; none named: all but those of officers."),
    ] = ()


@operation(
    policy="keys",
    by=member(Right.MANAGE),
    emits=(PolicyChanged,),
    errors=(BAD_POLICY,),
    text={
        "en": "Change the signing policy to {rules}",
        "ru": "Изменить правила подписи: {rules}",
        "zh": "将签名规则改为 {rules}",
    },
)
class ChangePolicy(Operation, tag="register.ChangePolicy"):
    """Give the signing policy other rules. The keys must be able to satisfy each of them."""

    rules: NewRules


@operation(
    policy="keys",
    by=member(Right.MANAGE),
    signing=by_role(OFFICER, 2),
    cosigners=registrar_and_home,
    cosigned_by="the registrar and the guarantor of the home state",
    proofs=new_keys,
    emits=(RecoveryProposed,),
    errors=(*_KEY_ERRORS, RECOVERY_OPEN, NO_HOME_STATE),
    text={
        "en": "Recover with new keys {keys}: {reason}",
        "ru": "Восстановить доступ с новыми ключами {keys}: {reason}",
        "zh": "以新密钥 {keys} 恢复：{reason}",
    },
)
class RecoverKeys(Operation, tag="register.RecoverKeys"):
    """Replace the whole keyring after keys were lost.

    Two officers of the member, the registrar and the home state sign, and every new key does. The
    new keys are put in place after 72 hours, unless any registered key vetoes.
    """

    keys: NewKeys
    rules: NewRules
    reason: Annotated[Reason, Meta(description="What happened.")]


@operation(
    policy="office",
    by=holder_of(Role.REGISTRAR),
    proofs=new_keys,
    emits=(BallotOpened,),
    errors=(*_KEY_ERRORS, RECOVERY_OPEN, MOTION_OPEN, NO_VOTERS),
    text={
        "en": "Propose new keys {keys} for {party}: {reason}",
        "ru": "Предложить новые ключи {keys} для {party}: {reason}",
        "zh": "提议为 {party} 设置新密钥 {keys}：{reason}",
    },
)
class ProposeRescue(Operation, tag="register.ProposeRescue"):
    """Ask the council to replace a member's keyring when too few officers' keys are left.

    If the council agrees, the new keys are put in place after the same 72 hours and veto.
    """

    party: Annotated[Lei, Meta(description="Which member.")]
    keys: NewKeys
    rules: NewRules
    reason: Annotated[Reason, Meta(description="What happened.")]


@operation(
    policy="keys",
    by=member(Right.MANAGE),
    signing=by_any_key(),
    emits=(RecoveryEnded,),
    errors=(INVALID_TERMS,),
    text={
        "en": "Veto the recovery {recovery}",
        "ru": "Отклонить восстановление {recovery}",
        "zh": "否决恢复 {recovery}",
    },
)
class VetoRecovery(Operation, tag="register.VetoRecovery"):
    """Stop a recovery of the member's own keyring; any one registered key suffices."""

    recovery: Annotated[ObjectId, Meta(description="Which recovery.")]
