"""What parties can do with confidential annexes."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta

from contracts.annex.events import AnnexGranted, AnnexSealed, EncryptionKeyRegistered
from contracts.annex.records import EncryptionKeyBytes, SealedKey
from contracts.errors import (
    ALREADY_GRANTED,
    ALREADY_SEALED,
    ANNEX_TOO_LARGE,
    INVALID_TERMS,
    KEY_IN_USE,
    NO_ENCRYPTION_KEY,
    NOT_A_RECIPIENT,
    NOT_ENTITLED,
    NOT_FOUND,
    STANDING_FORBIDS,
    UNKNOWN_PARTY,
    WEAK_KEY,
)
from contracts.framework.authority import member
from contracts.framework.operation import Operation, operation
from contracts.framework.party import Right
from contracts.framework.types import Digest, Lei, ObjectId, Reason, Title
from ledger.codec import Struct

POLICY: Final = "annex"
_GRANTING: Final = (NO_ENCRYPTION_KEY, NOT_A_RECIPIENT, STANDING_FORBIDS, UNKNOWN_PARTY)


class Envelope(Struct):
    """The content key, sealed to the present encryption key of a recipient."""

    recipient: Annotated[Lei, Meta(description="Who can open it.")]
    key: Annotated[EncryptionKeyBytes, Meta(description="The recipient's encryption key.")]
    sealed: Annotated[SealedKey, Meta(description="The content key in a sealed box.")]


@operation(
    policy="keys",
    by=member(Right.MANAGE),
    emits=(EncryptionKeyRegistered,),
    errors=(WEAK_KEY, KEY_IN_USE),
    text={
        "en": "Register encryption key {key} for receiving confidential annexes",
        "ru": "Зарегистрировать ключ шифрования {key} для конфиденциальных приложений",
        "zh": "登记用于接收机密附件的加密公钥 {key}",
    },
)
class RegisterEncryptionKey(Operation, tag="annex.RegisterEncryptionKey"):
    """Register the X25519 key to which others encrypt for the author, instead of the one before.

    What was sealed to earlier keys stays readable with them; later keys get what a party grants.
    """

    key: Annotated[EncryptionKeyBytes, Meta(description="The X25519 public key.")]


@operation(
    policy=POLICY,
    by=member(Right.SETTLE),
    emits=(AnnexSealed, AnnexGranted),
    errors=(ALREADY_SEALED, ANNEX_TOO_LARGE, INVALID_TERMS, *_GRANTING),
    text={
        "en": "Seal confidential annex {commitment} ({title}, {size} bytes) of {parties} about "
        "{about} for {envelopes}",
        "ru": "Зафиксировать конфиденциальное приложение {commitment} ({title}, {size} байт), "
        "стороны {parties}, к {about}, получатели {envelopes}",
        "zh": "封存机密附件 {commitment}（{title}，{size} 字节），当事方 {parties}，关于 {about}，"
        "接收方 {envelopes}",
    },
)
class Seal(Operation, tag="annex.Seal"):
    """Commit to a confidential document and give its key to all its parties, and to others.

    The document itself stays off the ledger. Besides parties, their states' guarantors, auditors
    and the tribunal may receive the key.
    """

    commitment: Annotated[Digest, Meta(description="Commitment to the salted content.")]
    ciphertext: Annotated[Digest, Meta(description="SHA-256 of the encrypted file.")]
    size: Annotated[int, Meta(ge=1, le=2**40, description="Size of the content in bytes.")]
    title: Annotated[Title, Meta(description="What it is; everybody can read this.")]
    parties: Annotated[
        tuple[Lei, ...],
        Meta(min_length=1, max_length=8, description="Whose annex it is, the author among them."),
    ]
    envelopes: Annotated[
        tuple[Envelope, ...],
        Meta(min_length=1, max_length=32, description="The key, sealed for each recipient."),
    ]
    about: Annotated[
        ObjectId | None, Meta(description="The contract or other object it belongs to, if any.")
    ] = None


@operation(
    policy=POLICY,
    by=member(Right.SETTLE),
    emits=(AnnexGranted,),
    errors=(NOT_FOUND, NOT_ENTITLED, ALREADY_GRANTED, INVALID_TERMS, *_GRANTING),
    text={
        "en": "Let {envelopes} read confidential annex {annex}: {reason}",
        "ru": "Открыть конфиденциальное приложение {annex} для {envelopes}: {reason}",
        "zh": "允许 {envelopes} 阅读机密附件 {annex}：{reason}",
    },
)
class Grant(Operation, tag="annex.Grant"):
    """Give the key of an annex to further recipients, or to a recipient's new key, as a party."""

    annex: Annotated[ObjectId, Meta(description="Which annex (its commitment).")]
    envelopes: Annotated[
        tuple[Envelope, ...],
        Meta(min_length=1, max_length=32, description="The key, sealed for each recipient."),
    ]
    reason: Annotated[Reason, Meta(description="Why.")]
