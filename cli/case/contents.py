"""What is in a case file: the proofs, and everything else as a function of them.

``receipts/`` and ``state/`` hold proofs (:mod:`ledger.proof`), ``annexes/`` what was handed in.
From these alone follow the texts that were signed, the timeline, the keys and the index, so a
verifier makes them again and compares.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from cli import annexes, output
from cli.annexes import AnnexFile
from cli.case.words import CANNOT_PROVE, PROVES, in_language, labels
from cli.describe import describe, describe_event
from cli.export.paper import environment, style
from contracts.annex.records import Annex
from contracts.extracts.case import Case, KeyUse, Step
from contracts.extracts.evidence import Evidence
from contracts.framework.event import name_of
from contracts.framework.fields import fields_of
from contracts.framework.forms import format_instant
from contracts.framework.machine import machines
from contracts.framework.operation import read_operation
from contracts.framework.render import LANGUAGES, value_words, words
from contracts.framework.statement import statement
from contracts.framework.vocabulary import choice_label, field_label
from ledger import proof
from ledger.errors import BAD_PROOF, MALFORMED, CodedError
from ledger.receipt import Place

FORMAT: Final = "iic.case/1"
INDEX: Final = "index.json"
RECEIPTS: Final = "receipts/"
STATE: Final = "state/"
ANNEXES: Final = "annexes/"
ENCRYPTED: Final = "encrypted.annex"
CONTENT: Final = "content"
SALT: Final = "salt.txt"


class Handed(NamedTuple):
    """What was handed in of an annex: its encrypted file, and what is in it with the salt."""

    encrypted: bytes | None
    content: bytes | None
    salt: bytes


def entries(
    case: Case, evidence: Evidence, handed: Mapping[bytes, Handed], language: str
) -> dict[str, bytes]:
    """All entries of the archive by name."""
    made: dict[str, bytes] = {
        receipt_name(place): proof.write(proven) for place, proven in evidence.receipts.items()
    }
    made |= {state_name(key): proof.write(proven) for key, proven in evidence.records.items()}
    made |= _annexes(case, handed)
    made |= _texts(case)
    made["keys.json"] = _json([_key_json(use, evidence) for use in case.keys])
    made["timeline.html"] = _timeline(case, evidence, handed, language)
    made["README.txt"] = _readme(case, evidence, language)
    made[INDEX] = _index(case, evidence, made, language)
    return made


def receipt_name(place: Place) -> str:
    """Where a receipt stands in the archive."""
    return f"{RECEIPTS}{place[0]:010}-{place[1]:05}.receipt"


def state_name(key: bytes) -> str:
    """Where the proof of a record stands in the archive."""
    table = key[: key.index(b"/")].decode()
    return f"{STATE}{table}-{hashlib.sha256(key).hexdigest()[:24]}.proof"


def _annexes(case: Case, handed: Mapping[bytes, Handed]) -> dict[str, bytes]:
    made: dict[str, bytes] = {}
    for found in case.annexes:
        given = handed.get(found.id)
        folder = f"{ANNEXES}{found.id.hex()}/"
        if given is not None and given.encrypted is not None:
            made[folder + ENCRYPTED] = given.encrypted
        if given is not None and given.content is not None:
            made[folder + CONTENT] = given.content
            made[folder + SALT] = f"{given.salt.hex()}\n".encode()
    return made


def require_annex(record: Annex, given: Handed, chain_id: bytes) -> None:
    """Raise ``BAD_PROOF`` unless a file or content is the one that the ledger knows."""
    name = f"annex {record.commitment.hex()}"
    if given.encrypted is not None:
        file: AnnexFile = annexes.read_annex(given.encrypted)
        annexes.require_chain(file, chain_id)
        if (file.commitment, file.digest) != (record.commitment, record.ciphertext):
            raise CodedError(
                BAD_PROOF, f"{name}: the encrypted file is not the one that was sealed"
            )
    if given.content is not None:
        made = annexes.commitment_of(chain_id, given.salt, given.content)
        if made != record.commitment:
            raise CodedError(BAD_PROOF, f"{name}: the content is not the one that was committed to")


def _texts(case: Case) -> dict[str, bytes]:
    """What was signed, as text, in each language; its SHA-256 is what wallets show."""
    made = {}
    for step in case.steps:
        if step.summary.transaction is not None:
            for language in LANGUAGES:
                name = f"texts/{step.place[0]:010}-{step.place[1]:05}.{language}.txt"
                made[name] = statement(step.summary.transaction, language).text.encode()
    return made


def _json(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()


def subject_text(case: Case) -> str:
    """The subject as people write it: an LEI, or an id in hexadecimal."""
    return case.subject.hex() if len(case.subject) == _ID_BYTES else case.subject.decode()


def _key_json(use: KeyUse, evidence: Evidence) -> dict[str, Any]:
    return {
        "height": use.place[0],
        "index": use.place[1],
        "key": use.key.hex(),
        "owner": use.owner,
        "owner_name": evidence.name(use.owner),
        "name": use.name,
        "registered": "genesis" if use.name and use.since is None else use.since,
        "expires": format_instant(use.expires) if use.expires else None,
        "ended": use.ended,
        "in_force": use.valid,
    }


def _index(case: Case, evidence: Evidence, made: Mapping[str, bytes], language: str) -> bytes:
    genesis = evidence.genesis
    return _json(
        {
            "format": FORMAT,
            "language": language,
            "network": genesis.network,
            "chain_id": genesis.chain_id.hex(),
            "subject": subject_text(case),
            "kind": case.kind,
            "height": case.height,
            "time": format_instant(case.time),
            "time_zone": "UTC",
            "objects": [
                {
                    "kind": o.kind,
                    "id": o.id.hex(),
                    "state": o.state,
                    "height": o.height,
                    "record": describe_record(o.record),
                }
                for o in case.objects
            ],
            "steps": [_step_json(step) for step in case.steps],
            "accounts": [account._asdict() for account in case.accounts],
            "proves": in_language(PROVES, "en"),
            "cannot_prove": in_language(CANNOT_PROVE, "en"),
            "files": {
                name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
                for name, data in sorted(made.items())
            },
        }
    )


def describe_record(record: Any) -> Any:
    """A record of the state as JSON: names of fields, bytes in hexadecimal."""
    if isinstance(record, bytes):
        return record.hex()
    if isinstance(record, tuple | list):
        return [describe_record(item) for item in record]
    if hasattr(record, "__struct_fields__"):
        return {n: describe_record(getattr(record, n)) for n in record.__struct_fields__}
    return getattr(record, "value", record)


def _step_json(step: Step) -> dict[str, Any]:
    summary = step.summary
    transaction, receipt = summary.transaction, summary.receipt
    return {
        "height": step.place[0],
        "index": step.place[1],
        "time": format_instant(summary.time),
        "id": summary.subject.hex(),
        "kind": "deadline" if transaction is None else "transaction",
        "author": "" if transaction is None else transaction.author,
        "reference": "" if transaction is None else transaction.reference,
        "applied": receipt.applied,
        "code": receipt.code,
        "reason": receipt.reason,
        "operations": [describe(op) for op in transaction.operations] if transaction else [],
        "events": [describe_event(event) for event in receipt.events],
        "postings": [
            {"account": p.account, "unit": p.unit, "amount": p.amount, "balance": p.balance}
            for p in receipt.postings
        ],
        "receipt": receipt_name(step.place),
    }


class _Told(NamedTuple):
    """A step as the timeline shows it."""

    step: Step
    heading: str
    author: str
    operations: list[str]
    events: list[tuple[str, list[tuple[str, str]]]]
    keys: list[tuple[str, str, str]]


def _timeline(
    case: Case, evidence: Evidence, handed: Mapping[bytes, Handed], language: str
) -> bytes:
    from markupsafe import Markup

    label = labels(language)
    text = (
        environment()
        .get_template("case.html")
        .render(
            language=language,
            label=label,
            style=Markup(style()),  # noqa: S704  # our own style sheet
            case=case,
            subject=_title(case, evidence),
            subject_id=subject_text(case),
            meaning=_meaning(case.kind),
            genesis=evidence.genesis,
            steps=[_told(step, case, evidence, language) for step in case.steps],
            annexes=[(o, _annex_state(handed.get(o.id), label)) for o in case.annexes],
            state_label=lambda state: choice_label(state, language),
            instant=format_instant,
            money=output.money,
            proves=in_language(PROVES, language),
            cannot=in_language(CANNOT_PROVE, language),
        )
    )
    return text.encode()


def _title(case: Case, evidence: Evidence) -> str:
    if len(case.subject) != _ID_BYTES:
        return evidence.name(case.subject.decode())
    return f"{case.kind} {case.subject.hex()[:12]}…"


def _meaning(kind: str) -> str:
    machine = machines().get(kind)
    return "" if machine is None else machine.meaning


def _annex_state(given: Handed | None, label: Mapping[str, str]) -> str:
    if given is None:
        return label["sealed"]
    if given.content is not None:
        return f"{label['opened']}{len(given.content)} B"
    return label["encrypted"]


def _told(step: Step, case: Case, evidence: Evidence, language: str) -> _Told:
    transaction = step.summary.transaction
    operations = [] if transaction is None else map(read_operation, transaction.operations)
    told = [words(op, language, evidence.name) for op in operations]
    events = [
        (
            name_of(type(event)),
            [
                (
                    field_label(field.name, language),
                    value_words(field, getattr(event, field.name), language, evidence.name),
                )
                for field in fields_of(type(event))
                if getattr(event, field.name) not in (None, "", (), b"")
            ],
        )
        for event in step.events
    ]
    label = labels(language)
    keys = [
        (
            evidence.name(use.owner),
            use.name or use.key.hex()[:16],
            label["valid"] if use.valid else label["invalid" if use.name else "unlisted"],
        )
        for use in case.keys
        if use.place == step.place
    ]
    author = "" if transaction is None else evidence.name(transaction.author)
    heading = "; ".join(told) if told else label["deadline"]
    return _Told(step, heading, author, told, events, keys)


def _readme(case: Case, evidence: Evidence, language: str) -> bytes:
    label = labels(language)
    lines = [
        f"{label['title']}: {_title(case, evidence)}",
        subject_text(case),
        "",
        f"{label['ledger']}: {evidence.genesis.network} {evidence.genesis.chain_id.hex()}",
        f"{label['reach']}: {case.height}, {format_instant(case.time)}",
        label["zone"],
        "",
        f"{label['how']}",
        "  iic audit verify-case FILE --genesis GENESIS",
        "",
        f"{label['proves']}:",
        *(f"  - {sentence}" for sentence in in_language(PROVES, language)),
        "",
        f"{label['cannot']}:",
        *(f"  - {sentence}" for sentence in in_language(CANNOT_PROVE, language)),
        "",
        "timeline.html  index.json  keys.json  texts/  receipts/  state/  annexes/",
        "",
    ]
    return "\n".join(lines).encode()


def read_index(data: bytes | None) -> tuple[bytes, str]:
    """The subject and the language that an index names; raises ``MALFORMED``."""
    try:
        index = json.loads(data or b"")
        subject, language = str(index["subject"]), str(index["language"])
        fits = index["format"] == FORMAT and language in LANGUAGES
        found = bytes.fromhex(subject) if len(subject) == 2 * _ID_BYTES else subject.encode("ascii")
    except (ValueError, KeyError, TypeError):
        fits, found, language = False, b"", ""
    if not fits or len(found) not in {20, _ID_BYTES}:
        raise CodedError(MALFORMED, f"{INDEX} is missing, damaged or of another format")
    return found, language


_ID_BYTES = 32
