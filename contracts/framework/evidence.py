"""Evidence: a document that stays off the ledger, known by its digest, kind and issuer's signature.

The issuer signs :func:`evidence_message`. An issuer that is in the register signs with one of its
registered keys; a carrier or laboratory outside of it signs with a key of its own, which shows that
two documents come from one hand and no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from contracts.errors import BAD_DOCUMENT
from contracts.framework.context import Context
from contracts.framework.party import KEYRING
from contracts.framework.types import Digest, Kind, Lei, PartyKey, kind_of
from ledger import keys
from ledger.codec import Struct, encode
from ledger.errors import CodedError
from ledger.hashing import Tag, message
from ledger.policy import KeyStatus

SignatureBytes = Annotated[bytes, Meta(min_length=64, max_length=64), kind_of(Kind.BYTES)]


class DocumentKind(StrEnum):
    """What a document is."""

    BILL_OF_LADING = "bill of lading"
    CONSIGNMENT_NOTE = "consignment note"
    INVOICE = "invoice"
    PACKING_LIST = "packing list"
    CERTIFICATE_OF_ORIGIN = "certificate of origin"
    CUSTOMS_DECLARATION = "customs declaration"
    CONFORMITY_CERTIFICATE = "conformity certificate"
    INSPECTION_REPORT = "inspection report"
    ACCEPTANCE_CERTIFICATE = "acceptance certificate"
    FORCE_MAJEURE_CERTIFICATE = "force majeure certificate"
    STATEMENT_OF_BREACH = "statement of breach"
    OTHER = "other"


class Evidence(Struct):
    """A document by its digest, and who vouches for it."""

    kind: Annotated[DocumentKind, Meta(description="What the document is.")]
    digest: Annotated[Digest, Meta(description="SHA-256 of the document, or a commitment to it.")]
    issuer: Annotated[Lei, Meta(description="Who issued it.")]
    key: Annotated[PartyKey, Meta(description="The issuer's key that signed it.")]
    signature: Annotated[SignatureBytes, Meta(description="The issuer's signature.")]


def evidence_message(chain_id: bytes, kind: DocumentKind, digest: bytes, issuer: str) -> bytes:
    """What the issuer of a document signs."""
    return message(Tag.DOCUMENT, chain_id, encode((kind.value, digest, issuer)))


def require_evidence(ctx: Context, documents: Sequence[Evidence], *, field: str) -> None:
    """Raise ``BAD_DOCUMENT`` unless each signature verifies and each document stands once.

    A key of an issuer in the register must be registered for it, and neither frozen nor revoked.
    """
    seen: set[bytes] = set()
    for index, document in enumerate(documents):
        where = f"{field}[{index}]"
        if document.digest in seen:
            raise CodedError(BAD_DOCUMENT, "each document is listed once", field=f"{where}.digest")
        seen.add(document.digest)
        signed = evidence_message(ctx.chain_id, document.kind, document.digest, document.issuer)
        if not keys.verify(document.key, signed, document.signature):
            raise CodedError(
                BAD_DOCUMENT, "the issuer's signature does not verify", field=f"{where}.signature"
            )
        keyring = ctx.get(KEYRING, document.issuer)
        if keyring is None:
            continue
        key = keyring.find(document.key)
        if key is None or key.status is not KeyStatus.ACTIVE:
            raise CodedError(
                BAD_DOCUMENT, "the key is no active key of the issuer", field=f"{where}.key"
            )
