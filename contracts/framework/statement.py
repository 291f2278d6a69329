"""What somebody signs, as text: the whole transaction in plain words, and the text's SHA-256.

The text is a function of the transaction's content and the language alone. No names of the register
and no state enter it, so the wallet before signing, the node afterwards and an auditor offline make
the same bytes. Anybody can check the hash: ``iic audit words FILE --text | sha256sum``.
"""

from __future__ import annotations

import hashlib
import json
from typing import Final, NamedTuple

from contracts.framework.forms import format_instant
from contracts.framework.operation import read_operation
from contracts.framework.render import LANGUAGES, exact_words
from ledger.codec import encode
from ledger.transaction import Transaction, transaction_id

_FRAME: Final = {
    "en": ("Ledger", "Author", "Reference", "May be recorded until", "Transaction", "none"),
    "ru": ("Реестр", "Автор", "Ссылка", "Может быть записано до", "Транзакция", "нет"),
    "zh": ("账本", "作者", "参考号", "可记录至", "交易", "无"),
}


class Statement(NamedTuple):
    """A transaction in words. ``text`` ends each line by a line feed; ``sha256``: of its UTF-8."""

    language: str
    text: str
    sha256: bytes


def statement(transaction: Transaction, language: str = "en") -> Statement:
    """The statement of a transaction; a language that is not known is English.

    Raises what :func:`contracts.framework.operation.read_operation` raises.
    """
    chosen = language if language in LANGUAGES else LANGUAGES[0]
    ledger, author, reference, until, identity, none = _FRAME[chosen]
    said = json.dumps(transaction.reference, ensure_ascii=False) if transaction.reference else none
    id = transaction_id(transaction.chain_id, encode(transaction))
    lines = [f"{ledger}: {transaction.chain_id.hex()}", f"{author}: {transaction.author}"]
    for number, plain in enumerate(transaction.operations, start=1):
        op = read_operation(plain)
        lines.append(f"{number}. {op.declaration.name}: {exact_words(op, chosen)}")
    lines += [
        f"{reference}: {said}",
        f"{until}: {format_instant(transaction.valid_until)}",
        f"{identity}: {id.hex()}",
    ]
    text = "".join(f"{line}\n" for line in lines)
    return Statement(chosen, text, hashlib.sha256(text.encode()).digest())
