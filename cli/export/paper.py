"""Statements as pages: they open offline, print on A4, and prove themselves.

A page holds its proofs (:mod:`contracts.extracts.statement`) and everything on it follows from
them, so :func:`read` makes the page again and compares: a single changed byte is found and its line
named. The QR codes hold the compact receipt of the last posting, for whoever has paper alone.
"""

from __future__ import annotations

import base64
import binascii
import re
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple

from cli import output
from contracts import compact, scanned
from contracts.extracts import statement as statements
from contracts.extracts.statement import Statement, StatementFile
from contracts.framework.forms import format_instant
from contracts.framework.render import LANGUAGES
from ledger.codec import decode, encode
from ledger.errors import BAD_PROOF, MALFORMED, TOO_LARGE, CodedError
from ledger.genesis import Genesis

if TYPE_CHECKING:
    from jinja2 import Environment

_OPENING: Final = b'<script type="application/vnd.iic.statement" id="proofs">\n'
_CLOSING: Final = b"\n</script>"
_LANGUAGE: Final = re.compile(rb'^<!doctype html>\n<html lang="([a-z]{2})">\n')
_LINE: Final = 120

_LABELS: Final = {
    "title": ("Account statement", "Выписка по счёту", "账户对账单"),
    "period": ("Period", "Период", "期间"),
    "opening": ("Opening balance", "Входящий остаток", "期初余额"),
    "closing": ("Closing balance", "Исходящий остаток", "期末余额"),
    "credits": ("Credits", "Поступления", "贷方"),
    "debits": ("Debits", "Списания", "借方"),
    "entries": ("Entries", "Записи", "分录"),
    "number": ("No.", "№", "序号"),
    "time": ("Time (UTC)", "Время (UTC)", "时间（UTC）"),
    "what": ("What for", "Содержание", "事由"),
    "amount": ("Amount", "Сумма", "金额"),
    "balance": ("Balance", "Остаток", "余额"),
    "reference": ("Reference", "Ссылка", "参考号"),
    "deadline": ("A time limit passed", "Истёк срок", "期限届满"),
    "nothing": ("No entries in this period", "Записей за период нет", "本期无分录"),
    "proven": ("Proven, not promised", "Доказано, а не обещано", "以证据为凭"),
    "how": (
        "This page holds the proof of every entry. Anybody checks all of it offline, from the "
        "ledger's genesis file alone:",
        "Страница содержит доказательство каждой записи. Проверить её целиком можно без сети, "
        "имея только файл генезиса реестра:",
        "本页包含每条分录的证明。任何人仅凭账本的创世文件即可离线核验全部内容：",
    ),
    "ledger": ("Ledger", "Реестр", "账本"),
    "block": ("Closed by block", "Закрывающий блок", "截止区块"),
    "root": ("State root", "Корень состояния", "状态根"),
    "signers": ("Certified by", "Заверили", "认证方"),
    "zone": ("Time zone", "Часовой пояс", "时区"),
    "scan": (
        "The last entry, to be scanned from paper",
        "Последняя запись для сканирования с бумаги",
        "最后一条分录，可从纸面扫描",
    ),
    "code": ("QR code", "QR-код", "二维码"),
    "uncoded": (
        "The last entry's proof is in this file; it is too long for QR codes, or there is none.",
        "Доказательство последней записи содержится в файле: оно слишком длинное для QR-кода, "
        "или записей нет.",
        "最后一条分录的证明在本文件中；其过长无法制成二维码，或本期无分录。",
    ),
}


class Code(NamedTuple):
    """A QR code as an SVG path: ``size`` modules with the quiet zone, one stroke per run."""

    size: int
    path: str


@cache
def environment() -> Environment:
    """Templates of papers; everything is escaped and every name must be there."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("cli.export"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )


@cache
def style() -> str:
    """The style sheet of papers, which stands in each of them."""
    source, _, _ = environment().loader.get_source(environment(), "paper.css")  # type: ignore[union-attr]
    return source


def page(proofs: bytes, genesis: Genesis, language: str = "en") -> bytes:
    """The page of a statement's proofs; raises what reading them raises."""
    from markupsafe import Markup

    found = statements.read(proofs, genesis)
    file = decode(proofs, StatementFile, limit=statements.MAX_BYTES)
    column = LANGUAGES.index(language)
    text = (
        environment()
        .get_template("statement.html")
        .render(
            language=language,
            label={name: texts[column] for name, texts in _LABELS.items()},
            style=Markup(style()),  # noqa: S704  # our own style sheet
            statement=found,
            name=lambda owner: found.names.get(owner, owner),
            instant=format_instant,
            money=output.money,
            codes=[qr(text) for text in last_entry(file, found)],
            told=lambda entry: found.texts(entry, language),
            proofs=_wrapped(proofs),
        )
    )
    return text.encode()


def last_entry(file: StatementFile, found: Statement) -> list[str]:
    """The texts of QR codes that prove the last entry; none if they would be too many."""
    if not found.entries:
        return []
    place = (found.entries[-1].height, found.entries[-1].position)
    proven = next(r for r in file.receipts if (r.header.height, r.index) == place)
    try:
        return scanned.to_parts(encode(compact.compact(proven)), "")
    except CodedError as error:
        if error.code is TOO_LARGE:
            return []
        raise


def qr(text: str) -> Code:
    """A QR code (ISO/IEC 18004) at error correction M with its quiet zone."""
    import segno

    code = segno.make_qr(text, error="m", mode="alphanumeric", boost_error=False)
    rows = [[bool(module) for module in row] for row in code.matrix_iter(border=4)]
    strokes = []
    for y, row in enumerate(rows):
        x = 0
        while x < len(row):
            run = 0
            while x + run < len(row) and row[x + run]:
                run += 1
            if run:
                strokes.append(f"M{x} {y}.5h{run}")
            x += run or 1
    return Code(len(rows), "".join(strokes))


def _wrapped(data: bytes) -> str:
    text = base64.b64encode(data).decode()
    return "\n".join(text[at : at + _LINE] for at in range(0, len(text), _LINE))


def read(data: bytes, genesis: Genesis) -> Statement:
    """The statement of a page, every byte of which follows from its proofs.

    Raises ``MALFORMED`` if it is no such page, ``BAD_PROOF`` naming the first line that is not what
    the proofs make, or what reading the proofs raises.
    """
    language = _LANGUAGE.match(data)
    at = data.find(_OPENING)
    end = data.find(_CLOSING, at)
    if language is None or language[1].decode() not in LANGUAGES or at < 0 or end < 0:
        raise CodedError(MALFORMED, "this is no statement page, or its proofs are missing")
    try:
        proofs = base64.b64decode(data[at + len(_OPENING) : end].replace(b"\n", b""), validate=True)
    except binascii.Error:
        raise CodedError(MALFORMED, "the page's proofs are not whole") from None
    require_same(data, page(proofs, genesis, language[1].decode()), "the page")
    return statements.read(proofs, genesis)


def require_same(given: bytes, made: bytes, what: str) -> None:
    """Raise ``BAD_PROOF``, naming the first line that differs from what proofs make."""
    if given == made:
        return
    pairs = zip(given.split(b"\n"), made.split(b"\n"), strict=False)
    line = next((n for n, (one, other) in enumerate(pairs, 1) if one != other), 0)
    where = f"line {line}" if line else "its end"
    raise CodedError(BAD_PROOF, f"{what} was changed at {where}: its proofs make another")
