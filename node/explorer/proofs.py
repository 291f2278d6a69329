"""What proves the facts of a page: files that a reader's own script verifies.

The script (``static/verify.js``) asks nothing of this node but the file. What a page expects of a
proof stands beside its link, so that a proof of something else is noticed; the shape of a record
says how its proven bytes are told, never what they are.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple, get_args, get_origin
from urllib.parse import urlencode

import msgspec

from contracts.framework.types import Kind
from contracts.framework.vocabulary import field_label
from ledger.codec import Struct
from ledger.state import KeyPart, Table
from node.explorer.language import catalogue, msg

if TYPE_CHECKING:
    from node.explorer.view import View


WORDS: Final = {
    "trusted": msg("Trusted: the genesis of {network}, approved by every guarantor. Chain id:"),
    "noGenesis": msg("This is no genesis file that can be trusted:"),
    "genesisFirst": msg("Choose your genesis file first: it is what proofs are held against."),
    "working": msg("Checking …"),
    "verified": msg("Verified: this is on the ledger."),
    "provenBut": msg("The proof is sound, but"),
    "otherKind": msg("it proves something else than this page says."),
    "otherRecord": msg("it is about another object than this page shows."),
    "changedSince": msg("the record is another one now than this page shows: load the page again."),
    "refused": msg("Not verified:"),
    "noFile": msg("The node did not hand out the proof:"),
    "insecure": msg(
        "This browser offers no cryptography on this address. Download the page for offline "
        "verification, or use: iic audit"
    ),
    "ed25519": msg("This browser knows no Ed25519 signatures. Take a newer one, or use: iic audit"),
    "yes": msg("yes"),
    "no": msg("no"),
    "id": msg("Id"),
    "outcome": msg("Outcome"),
    "applied": msg("applied"),
    "author": msg("Author"),
    "reference": msg("Reference"),
    "operations": msg("Operations"),
    "keys": msg("Signing keys"),
    "events": msg("Events"),
    "postings": msg("Postings"),
    "key": msg("Key of the state"),
    "record": msg("Record; amounts in minor units, 100 are 1"),
    "absent": msg("there is none under this key"),
    "height": msg("Height"),
    "time": msg("Block time"),
    "certified": msg("Certified by the block at height"),
    "signers": msg("Signed by"),
    "quorum": msg(
        "{count} of {size} validators of epoch {epoch}: {names}. "
        "Changes of validators since genesis that were checked: {changes}"
    ),
    "recoveries": msg("Recoveries that it rests on"),
    "recovery": msg(
        "At block {height} no quorum was left, and {count} of {size} validators ended the epoch by "
        "ceremony: {names}. Lost: {lost}. Nothing that was final before was lost, unless more than "
        "{borne} of the signers hid votes"
    ),
}
"""What ``static/verify-page.js`` says, by the names that it uses."""


def script_words(language: str) -> str:
    """The script's texts as JSON."""
    translate = catalogue(language).gettext
    return json.dumps({name: translate(text) for name, text in WORDS.items()}, ensure_ascii=False)


class Proof(NamedTuple):
    """One proof that a page offers.

    ``kind`` is ``state``, ``receipt`` or ``extension``; ``expected`` what the page took it for: a
    state key, a receipt's subject or a block's hash, in hex. ``value`` is the digest of the record
    as the page shows it, empty for none; ``shape`` names the record's fields.
    """

    label: str
    address: str
    kind: str
    expected: str
    value: str = ""
    shape: str = ""


def of_block(view: View) -> Proof:
    """That the block which a page reflects is final."""
    return of_header(view, view.head.height, view.head.hash())


def of_header(view: View, height: int, block: bytes) -> Proof:
    """That a block is part of the ledger."""
    return Proof(
        view.text("Block %(height)s is final and part of the ledger", height=height),
        f"/v1/proofs/consistency?from={height}",
        "extension",
        block.hex(),
    )


def of_receipt(view: View, height: int, index: int, subject: bytes) -> Proof:
    """What became of a transaction or deadline."""
    return Proof(
        view.text("Receipt %(index)s of block %(height)s", index=index, height=height),
        f"/v1/proofs/inclusion?height={height}&index={index}",
        "receipt",
        subject.hex(),
    )


def of_record(view: View, label: str, table: Table[Any], *key: KeyPart) -> Proof:
    """That the state holds this record, or none under this key."""
    full = table.key(*key)
    kind: type[Struct] = table.kind
    value = view.reader.get(full)
    query = urlencode([("part", _part(part)) for part in key])
    return Proof(
        label,
        f"/v1/proofs/state/{table.name}?{query}",
        "state",
        full.hex(),
        "" if value is None else hashlib.sha256(value).hexdigest(),
        json.dumps(shape_of(kind, view.language), ensure_ascii=False),
    )


def _part(part: KeyPart) -> str:
    if isinstance(part, bytes):
        return f"x:{part.hex()}"
    return f"i:{part}" if isinstance(part, int) else f"s:{part}"


@cache
def shape_of(kind: type[Struct], language: str) -> list[Any]:
    """How many values precede a record's fields (its version), and ``[label, how, parts]`` of each.

    ``how`` is ``instant`` for times, ``list`` for several values and empty for what is told as it
    stands; ``parts`` is the shape of a group, or None.
    """
    shape: list[Any] = [int(kind.__struct_config__.tag is not None)]
    for field in msgspec.structs.fields(kind):
        group = _group(field.type)
        how = "instant" if field.name == "due" or _is_instant(field.type) else ""
        how = "list" if _is_list(field.type) else how
        parts = None if group is None else shape_of(group, language)
        shape.append([field_label(field.name, language), how, parts])
    return shape


def _is_instant(annotation: Any) -> bool:
    marks = getattr(annotation, "__metadata__", ())
    return any((getattr(mark, "extra", None) or {}).get("kind") == Kind.INSTANT for mark in marks)


def _is_list(annotation: Any) -> bool:
    plain = annotation.__origin__ if hasattr(annotation, "__metadata__") else annotation
    return get_origin(plain) is tuple


def _group(annotation: Any) -> type[Struct] | None:
    """The structure inside an annotation, if there is one."""
    if isinstance(annotation, type) and not get_args(annotation):
        return annotation if issubclass(annotation, Struct) else None
    return next((found for part in get_args(annotation) if (found := _group(part))), None)
