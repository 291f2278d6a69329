"""ISO 20022 cash management messages of version 001.08: camt.053 statements, camt.054 notices.

Written from a verified :class:`contracts.extracts.statement.Statement` alone, so the same proofs
always make the same bytes; ``CreDtTm`` is the block time of the block that closes the statement.
The ledger's identifiers have 64 hexadecimal digits and ``AcctSvcrRef`` holds 35 characters: it
carries the first 32 digits of the transaction's id, and ``AddtlTxInf`` the whole of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final
from xml.etree import ElementTree as ET

from cli.export.journals import decimal
from contracts.errors import INVALID_FIELD
from contracts.extracts.statement import Entry, Statement
from contracts.framework.forms import format_instant
from contracts.framework.posting import Unit
from contracts.framework.types import lei_problem
from ledger.errors import CodedError

STATEMENT: Final = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"
NOTICE: Final = "urn:iso:std:iso:20022:tech:xsd:camt.054.001.08"
REFERENCE_DIGITS: Final = 32
"""Of a transaction's id, as many as ``AcctSvcrRef`` carries."""
_MAX_ACCOUNT: Final = 34
_MAX_REFERENCE: Final = 35
_LINE: Final = 140
_ISSUER: Final = "iic"


def statement(found: Statement) -> bytes:
    """A camt.053 message with opening and closing booked balances.

    Raises ``INVALID_FIELD`` for an account that the message cannot name.
    """
    _require_sayable(found)
    document, message = _message(STATEMENT, "BkToCstmrStmt", found)
    stmt = ET.SubElement(message, "Stmt")
    _head(stmt, found)
    _balance(stmt, "OPBD", found.opening, found.unit, found.since)
    _balance(stmt, "CLBD", found.closing, found.unit, found.until - 1)
    _summary(stmt, found)
    for entry in found.entries:
        _entry(stmt, entry, found)
    _text(stmt, "AddtlStmtInf", _reach(found))
    return _bytes(document)


def notice(found: Statement) -> bytes:
    """A camt.054 message: every credit and debit of the period; errors as :func:`statement`."""
    _require_sayable(found)
    document, message = _message(NOTICE, "BkToCstmrDbtCdtNtfctn", found)
    notification = ET.SubElement(message, "Ntfctn")
    _head(notification, found)
    _summary(notification, found)
    for entry in found.entries:
        _entry(notification, entry, found)
    _text(notification, "AddtlNtfctnInf", _reach(found))
    return _bytes(document)


def _require_sayable(found: Statement) -> None:
    if found.unit != Unit.SCU or len(found.account) > _MAX_ACCOUNT:
        raise CodedError(
            INVALID_FIELD,
            "cash management messages are of accounts in SCU whose name has at most "
            f"{_MAX_ACCOUNT} characters, such as LEI/avail; {found.account} is in {found.unit}",
            field="account",
        )


def _message(namespace: str, name: str, found: Statement) -> tuple[ET.Element, ET.Element]:
    document = ET.Element("Document", {"xmlns": namespace})
    message = ET.SubElement(document, name)
    header = ET.SubElement(message, "GrpHdr")
    _text(header, "MsgId", _identity(found))
    _text(header, "CreDtTm", format_instant(found.time))
    return document, message


def _identity(found: Statement) -> str:
    """35 characters that are the same for the same account, period and closing block only."""
    what = f"{found.chain_id.hex()} {found.account} {found.since} {found.until} {found.height}"
    return f"IIC{hashlib.sha256(what.encode()).hexdigest()[:32].upper()}"


def _head(parent: ET.Element, found: Statement) -> None:
    _text(parent, "Id", _identity(found))
    _text(parent, "CreDtTm", format_instant(found.time))
    period = ET.SubElement(parent, "FrToDt")
    _text(period, "FrDtTm", format_instant(found.since))
    _text(period, "ToDtTm", format_instant(found.until - 1))
    account = ET.SubElement(parent, "Acct")
    other = ET.SubElement(ET.SubElement(account, "Id"), "Othr")
    _text(other, "Id", found.account)
    _text(ET.SubElement(other, "SchmeNm"), "Prtry", _ISSUER)
    _text(account, "Ccy", found.unit)
    _party(ET.SubElement(account, "Ownr"), found.owner, found)
    servicer = ET.SubElement(ET.SubElement(account, "Svcr"), "FinInstnId")
    _text(servicer, "Nm", f"{_ISSUER} ledger {found.network} {found.chain_id.hex()}")


def _party(parent: ET.Element, owner: str, found: Statement) -> None:
    _text(parent, "Nm", found.names.get(owner, owner)[:_LINE])
    if not lei_problem(owner):
        identity = ET.SubElement(ET.SubElement(parent, "Id"), "OrgId")
        _text(identity, "LEI", owner)


def _amount(parent: ET.Element, minor: int, unit: str) -> None:
    ET.SubElement(parent, "Amt", {"Ccy": unit}).text = decimal(abs(minor))
    _text(parent, "CdtDbtInd", "DBIT" if minor < 0 else "CRDT")


def _balance(parent: ET.Element, code: str, minor: int, unit: str, time: int) -> None:
    balance = ET.SubElement(parent, "Bal")
    _text(ET.SubElement(ET.SubElement(balance, "Tp"), "CdOrPrtry"), "Cd", code)
    _amount(balance, minor, unit)
    _text(ET.SubElement(balance, "Dt"), "DtTm", format_instant(time))


def _summary(parent: ET.Element, found: Statement) -> None:
    summary = ET.SubElement(parent, "TxsSummry")
    amounts = [entry.amount for entry in found.entries]
    total = ET.SubElement(summary, "TtlNtries")
    _count(total, amounts)
    _amount(ET.SubElement(total, "TtlNetNtry"), sum(amounts), found.unit)
    _net_without_unit(total)
    _count(ET.SubElement(summary, "TtlCdtNtries"), found.credits)
    _count(ET.SubElement(summary, "TtlDbtNtries"), found.debits)


def _net_without_unit(total: ET.Element) -> None:
    """The net amount of a summary is a bare number: the account names its currency."""
    amount = total.find("TtlNetNtry/Amt")
    assert amount is not None
    amount.attrib.clear()


def _count(parent: ET.Element, amounts: Sequence[int]) -> None:
    _text(parent, "NbOfNtries", str(len(amounts)))
    _text(parent, "Sum", decimal(sum(map(abs, amounts))))


def _entry(parent: ET.Element, entry: Entry, found: Statement) -> None:
    item = ET.SubElement(parent, "Ntry")
    reference = entry.id.hex()[:REFERENCE_DIGITS]
    _text(item, "NtryRef", str(entry.sequence))
    _amount(item, entry.amount, found.unit)
    _text(ET.SubElement(item, "Sts"), "Cd", "BOOK")
    for name in ("BookgDt", "ValDt"):
        _text(ET.SubElement(item, name), "DtTm", format_instant(entry.time))
    _text(item, "AcctSvcrRef", reference)
    code = ET.SubElement(ET.SubElement(item, "BkTxCd"), "Prtry")
    _text(code, "Cd", "transaction" if entry.author else "deadline")
    _text(code, "Issr", _ISSUER)
    details = ET.SubElement(ET.SubElement(item, "NtryDtls"), "TxDtls")
    references = ET.SubElement(details, "Refs")
    _text(references, "AcctSvcrRef", reference)
    if 0 < len(entry.reference) <= _MAX_REFERENCE:
        _text(references, "EndToEndId", entry.reference)
    _amount(details, entry.amount, found.unit)
    _sides(details, entry, found)
    lines = [*found.texts(entry), *([f"reference {entry.reference}"] if entry.reference else [])]
    if lines:
        remittance = ET.SubElement(details, "RmtInf")
        for line in lines:
            for at in range(0, len(line), _LINE):
                _text(remittance, "Ustrd", line[at : at + _LINE])
    kind = "transaction" if entry.author else "deadline"
    where = f"block {entry.height}, receipt {entry.position}"
    _text(details, "AddtlTxInf", f"{kind} {entry.id.hex()}, {where}")


def _sides(parent: ET.Element, entry: Entry, found: Statement) -> None:
    """Debtor and creditor, where the other side is one party."""
    if len(entry.counterparties) != 1:
        return
    other = entry.counterparties[0]
    debtor, creditor = (other, found.owner) if entry.amount > 0 else (found.owner, other)
    parties = ET.SubElement(parent, "RltdPties")
    for name, owner in (("Dbtr", debtor), ("Cdtr", creditor)):
        _party(ET.SubElement(ET.SubElement(parties, name), "Pty"), owner, found)


def _reach(found: Statement) -> str:
    signers = found.signers
    return (
        f"{len(found.entries)} entries; block {found.height}; state root {found.state_root.hex()}; "
        f"certified by {len(signers.names)} of {signers.validators}; time zone UTC"
    )


def _text(parent: ET.Element, name: str, text: str) -> None:
    ET.SubElement(parent, name).text = "".join(c if _allowed(c) else "\ufffd" for c in text)


def _allowed(char: str) -> bool:
    """Whether XML 1.0 can hold a character (§2.2)."""
    return (
        char in "\t\n\r"
        or " " <= char <= "\ud7ff"
        or "\ue000" <= char <= "\ufffd"
        or (char >= "\U00010000")
    )


def _bytes(document: ET.Element) -> bytes:
    ET.indent(document)
    text: str = ET.tostring(document, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'.encode()
