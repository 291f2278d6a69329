"""Genesis: the document that every guarantor signs and whose hash names the ledger.

The file is JSON, so that people can read what they sign. It states the network, the time, the
first validators, and the application's genesis twice: as canonical bytes (``application``, opaque
here and the part that is hashed) and as readable text (``application_text``), which a caller that
understands the bytes holds against them. Verifying a receipt needs neither.

A guarantor sends its public part as a :class:`NodeCard`; whoever collects the cards writes the
document; each guarantor checks it and adds its approval. Used by ``cli`` for the ceremony, by
``node`` at start and by :mod:`ledger.proof`.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeVar

import msgspec

from ledger import keys, merkle
from ledger.block import FIRST_PROTOCOL, NO_BLOCK, Header
from ledger.codec import Signature, Struct, Uint, decode, encode, to_plain
from ledger.errors import BAD_GENESIS, BAD_SIGNATURE, TOO_LARGE, CodedError
from ledger.hashing import NO_CHAIN, Tag, digest, message
from ledger.validators import Validator, ValidatorSet

MAX_FILE_BYTES = 64 * 1024 * 1024

FORMAT = "iic-genesis-1"
CARD_FORMAT = "iic-node-card-1"

Readable = Callable[[bytes], Any]
"""The application's genesis as JSON-able values, from its canonical bytes."""

_NETWORK = re.compile(r"[a-z0-9][a-z0-9-]{1,31}")
_ADDRESS = re.compile(r"(\[[0-9a-f:.]+\]|[A-Za-z0-9.-]+):([0-9]{1,5})")


class Genesis(Struct, tag=1):
    """What the ledger starts from. ``time`` is block 0's, in milliseconds since the Unix epoch."""

    network: str
    time: Uint
    validators: ValidatorSet
    application: Annotated[bytes, msgspec.Meta(min_length=1, max_length=MAX_FILE_BYTES)]
    protocol: Uint = FIRST_PROTOCOL

    @property
    def chain_id(self) -> bytes:
        """The ledger's name in every hash and signature, 32 bytes."""
        return _chain_id(self)

    def check(self) -> None:
        """Raise ``BAD_GENESIS`` unless the document is consistent; ``field`` names what is not."""
        if not _NETWORK.fullmatch(self.network):
            raise _bad("a network's name is 2 to 32 of a-z, 0-9 and hyphen", "network")
        if self.protocol != FIRST_PROTOCOL:
            raise _bad(f"every ledger starts with protocol {FIRST_PROTOCOL}", "protocol")
        if self.validators.epoch != 0:
            raise _bad("the first validators are those of epoch 0", "validators")
        for index, validator in enumerate(self.validators.validators):
            _check_validator(validator, f"validators[{index}]")
        for field in ("party", "name", "vote_key", "certificate", "address"):
            values = [getattr(v, field) for v in self.validators.validators]
            if len(set(values)) != len(values):
                raise _bad(f"two validators have the same {field}", f"validators[].{field}")

    def header(self, state_root: bytes) -> Header:
        """Block 0's header: the application's initial state under the first validators."""
        validators_hash = self.validators.hash(self.chain_id)
        return Header(
            chain_id=self.chain_id,
            height=0,
            view=0,
            epoch=0,
            parent=NO_BLOCK,
            time=self.time,
            transactions=0,
            receipts=0,
            transactions_root=merkle.EMPTY_ROOT,
            receipts_root=merkle.EMPTY_ROOT,
            state_root=state_root,
            history_root=merkle.EMPTY_ROOT,
            validators_hash=validators_hash,
            next_validators_hash=validators_hash,
            protocol=self.protocol,
        )


@lru_cache(maxsize=8)
def _chain_id(genesis: Genesis) -> bytes:
    return digest(Tag.GENESIS, NO_CHAIN, encode(genesis))


class GenesisFile(NamedTuple):
    """A genesis document and the approvals it has so far: signatures by party."""

    genesis: Genesis
    approvals: Mapping[str, bytes]

    def missing(self) -> list[str]:
        """Parties whose node has not approved yet."""
        parties = [v.party for v in self.genesis.validators.validators]
        return [party for party in parties if party not in self.approvals]

    def approve(self, key: keys.SigningKey) -> GenesisFile:
        """The file with the approval of the validator whose vote key this is.

        Raises ``BAD_GENESIS`` if the key is no validator's.
        """
        index = self.genesis.validators.index_of(key.public)
        if index is None:
            raise _bad("this key is no validator's vote key", "validators")
        party = self.genesis.validators.validators[index].party
        signature = key.sign(approval_bytes(self.genesis, party))
        return GenesisFile(self.genesis, {**self.approvals, party: signature})


def approval_bytes(genesis: Genesis, party: str) -> bytes:
    """What a validator's vote key signs to approve a genesis document."""
    return message(Tag.GENESIS_APPROVAL, genesis.chain_id, encode(party))


class NodeCard(Struct, tag=1):
    """The public part of a guarantor's node, signed by its vote key: it holds the private key."""

    validator: Validator
    signature: Signature

    def digest(self) -> bytes:
        """What a council's decision names the card by, 32 bytes."""
        return digest(Tag.NODE_CARD, NO_CHAIN, encode(self))

    def check(self) -> None:
        """Raise ``BAD_GENESIS`` or ``BAD_SIGNATURE`` unless the card is sound."""
        _check_validator(self.validator, "validator")
        signed = _card_bytes(self.validator)
        if not keys.verify(self.validator.vote_key, signed, self.signature):
            raise CodedError(
                BAD_SIGNATURE, "the card's signature does not verify", field="signature"
            )


def make_card(validator: Validator, key: keys.SigningKey) -> NodeCard:
    """The card of a node; ``key`` is its vote key."""
    card = NodeCard(validator, key.sign(_card_bytes(validator)))
    card.check()
    return card


def _card_bytes(validator: Validator) -> bytes:
    return message(Tag.NODE_CARD, NO_CHAIN, encode(validator))


def _check_validator(validator: Validator, field: str) -> None:
    if not keys.is_valid_public_key(validator.vote_key):
        raise _bad("a vote key is a canonical Ed25519 point of prime order", f"{field}.vote_key")
    if not re.fullmatch("[A-Z0-9]{20}", validator.party):
        raise _bad("a party is an LEI: 20 of A-Z and 0-9", f"{field}.party")
    if not re.fullmatch("[A-Z]{2}", validator.country):
        raise _bad("a country is an ISO 3166 alpha-2 code", f"{field}.country")
    address = _ADDRESS.fullmatch(validator.address)
    if address is None or not 0 < int(address[2]) < 65536:
        raise _bad("an address is host:port", f"{field}.address")


# The JSON forms. msgspec refuses unknown fields, wrong types and missing fields.


class _ValidatorText(msgspec.Struct, forbid_unknown_fields=True):
    party: str
    name: str
    country: str
    address: str
    vote_key: str
    certificate: str


class _ApprovalText(msgspec.Struct, forbid_unknown_fields=True):
    party: str
    signature: str


class _GenesisText(msgspec.Struct, forbid_unknown_fields=True):
    format: str
    network: str
    chain_id: str
    time: int
    protocol: int
    validators: list[_ValidatorText]
    application: str
    application_text: Any
    approvals: list[_ApprovalText]


class _CardText(msgspec.Struct, forbid_unknown_fields=True):
    format: str
    validator: _ValidatorText
    signature: str


def dump(file: GenesisFile, readable: Readable | None = None) -> str:
    """The file's text; ``readable`` adds the application's part in words."""
    genesis = file.genesis
    text = _GenesisText(
        format=FORMAT,
        network=genesis.network,
        chain_id=genesis.chain_id.hex(),
        time=genesis.time,
        protocol=genesis.protocol,
        validators=[_validator_text(v) for v in genesis.validators.validators],
        application=base64.b64encode(genesis.application).decode(),
        application_text=None if readable is None else readable(genesis.application),
        approvals=[
            _ApprovalText(party, signature.hex())
            for party, signature in sorted(file.approvals.items())
        ],
    )
    return _json(text)


def parse(text: str | bytes, readable: Readable | None = None) -> GenesisFile:
    """The file of a text, perhaps not approved by all yet.

    Verifies consistency, the chain id and the approvals present, and with ``readable`` that the
    application's part in words says what its bytes say. Raises ``BAD_GENESIS``,
    ``BAD_SIGNATURE``, ``MALFORMED`` or ``TOO_LARGE``.
    """
    parsed = _from_json(text, _GenesisText)
    if parsed.format != FORMAT:
        raise _bad(f"a genesis file has format {FORMAT}", "format")
    validators = tuple(
        _validator(v, f"validators[{index}]") for index, v in enumerate(parsed.validators)
    )
    fields = (
        parsed.network,
        parsed.time,
        (1, 0, tuple(to_plain(v) for v in validators)),
        _unbase64(parsed.application, "application"),
        parsed.protocol,
    )
    # Through the codec, so that the file's text keeps the rules of every signed structure.
    genesis = decode(encode((1, *fields)), Genesis, limit=MAX_FILE_BYTES)
    genesis.check()
    if parsed.chain_id != genesis.chain_id.hex():
        raise _bad(f"the content has chain id {genesis.chain_id.hex()}", "chain_id")
    if readable is not None and _canonical(parsed.application_text) != _canonical(
        readable(genesis.application)
    ):
        raise _bad("the text differs from the application's bytes", "application_text")
    approvals: dict[str, bytes] = {}
    for index, entry in enumerate(parsed.approvals):
        field = f"approvals[{index}].signature"
        signature = _unhex(entry.signature, field)
        if entry.party in approvals:
            raise _bad(f"party {entry.party} approves twice", field)
        _require_approval(genesis, entry.party, signature, field)
        approvals[entry.party] = signature
    return GenesisFile(genesis, approvals)


def load(path: Path, readable: Readable | None = None) -> Genesis:
    """The genesis of a file that every validator approved.

    Raises as :func:`parse`, ``BAD_GENESIS`` naming who has not approved, or ``OSError``.
    """
    if path.stat().st_size > MAX_FILE_BYTES:
        raise CodedError(TOO_LARGE, f"a genesis file has at most {MAX_FILE_BYTES} bytes")
    file = parse(path.read_bytes(), readable)
    missing = file.missing()
    if missing:
        raise _bad(f"not approved yet by {', '.join(missing)}", "approvals")
    return file.genesis


def dump_card(card: NodeCard) -> str:
    """A node card's text."""
    return _json(_CardText(CARD_FORMAT, _validator_text(card.validator), card.signature.hex()))


def parse_card(text: str | bytes) -> NodeCard:
    """The card of a text, its signature verified."""
    parsed = _from_json(text, _CardText)
    if parsed.format != CARD_FORMAT:
        raise _bad(f"a node card has format {CARD_FORMAT}", "format")
    validator = to_plain(_validator(parsed.validator, "validator"))
    signature = _unhex(parsed.signature, "signature")
    card = decode(encode((1, validator, signature)), NodeCard)
    card.check()
    return card


def _require_approval(genesis: Genesis, party: str, signature: bytes, field: str) -> None:
    for validator in genesis.validators.validators:
        if validator.party == party:
            if not keys.verify(validator.vote_key, approval_bytes(genesis, party), signature):
                raise CodedError(
                    BAD_SIGNATURE, f"the approval of {party} does not verify", field=field
                )
            return
    raise _bad(f"{party} is no validator", field)


def _validator_text(validator: Validator) -> _ValidatorText:
    return _ValidatorText(
        party=validator.party,
        name=validator.name,
        country=validator.country,
        address=validator.address,
        vote_key=validator.vote_key.hex(),
        certificate=base64.b64encode(validator.certificate).decode(),
    )


def _validator(text: _ValidatorText, field: str) -> Validator:
    plain = (
        1,
        text.party,
        text.name,
        text.country,
        _unhex(text.vote_key, f"{field}.vote_key"),
        _unbase64(text.certificate, f"{field}.certificate"),
        text.address,
    )
    return decode(encode(plain), Validator)


def _json(value: msgspec.Struct) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n"


T = TypeVar("T")


def _from_json(text: str | bytes, kind: type[T]) -> T:
    if len(text) > MAX_FILE_BYTES:
        raise CodedError(TOO_LARGE, f"a genesis file has at most {MAX_FILE_BYTES} bytes")
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise _bad(f"not such a file: {error}", "") from None


def _canonical(value: Any) -> bytes:
    return msgspec.json.encode(value, order="sorted")


def _unhex(text: str, field: str) -> bytes:
    if not re.fullmatch("([0-9a-f]{2})*", text):
        raise _bad("bytes are written in lower-case hexadecimal", field)
    return bytes.fromhex(text)


def _unbase64(text: str, field: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if base64.b64encode(data).decode() != text:
        raise _bad("not base64 of RFC 4648", field)
    return data


def _bad(sentence: str, field: str) -> CodedError:
    return CodedError(BAD_GENESIS, sentence, field=field)
