"""``iic audit preference-certificate``: make certificates for customs, and verify them offline.

Stands on the ledger layer and barter's certificate alone, and imports nothing of the node.
"""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any

import click

from cli import output
from cli.errors import FILE_EXISTS, FILE_MISSING
from contracts.barter import certificate
from contracts.barter.certificate import Preference
from ledger import proof
from ledger.errors import BAD_RECEIPT, MALFORMED, CodedError
from ledger.genesis import load

_FILE = click.Path(dir_okay=False, path_type=Path)
_CORRECTION = "m"
_SCALE = 4
_BORDER = 4
"""Quiet zone of ISO/IEC 18004, in modules."""


@click.group("preference-certificate", cls=output.Group)
def preference_certificate() -> None:
    """Certificates of customs relief for a lot: export from a receipt, verify offline.

    An officer needs this program, the certificate (a file, or the texts of its QR codes) and the
    genesis file of the ledger, and no connection.
    """


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(proof.MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        raise CodedError(FILE_MISSING, f"{path} does not exist") from None


def _write(path: Path, data: bytes) -> None:
    try:
        with path.open("xb") as file:
            file.write(data)
    except FileExistsError:
        raise CodedError(FILE_EXISTS, f"{path} exists") from None


@preference_certificate.command("export")
@click.argument("receipt", type=_FILE)
@click.option("--genesis", type=_FILE, required=True, help="Genesis file of the ledger.")
@click.option("--lot", metavar="ID", help="Which lot, if the receipt relieves several.")
@click.option("--out", type=_FILE, required=True, help="Where to write the certificate.")
@click.option("--qr", type=_FILE, help="Also QR codes: NAME.svg or NAME.png, numbered if several.")
@click.option("--text", type=_FILE, help="Also the texts of the QR codes, one per line.")
@output.json_option
def export(
    receipt: Path, genesis: Path, lot: str | None, out: Path, qr: Path | None, text: Path | None
) -> None:
    """Make a certificate from the RECEIPT of customs' decision on a lot.

    The receipt is verified first, so that no certificate is handed out that proves nothing.
    """
    document = load(genesis)
    proven = proof.read(_read(receipt))
    if not isinstance(proven, proof.ProvenReceipt):
        raise CodedError(BAD_RECEIPT, f"{receipt} is not a receipt")
    made = certificate.make(proven, None if lot is None else _lot(lot))
    stated = certificate.verify(made, document)
    parts = certificate.to_parts(certificate.compact(made)) if qr or text else []
    images = _qr_codes(parts, qr) if qr else []
    written = [(out, certificate.write(made)), *images]
    if text:
        written.append((text, "".join(f"{part}\n" for part in parts).encode()))
    for path, data in written:
        _write(path, data)
    names = [str(path) for path, _ in written]
    output.emit(_json(stated) | {"files": names}, lambda: _show_made(stated, names))


def _lot(text: str) -> bytes:
    if len(text) != 64 or not set(text) <= set(string.hexdigits):
        raise click.BadParameter("a lot's id has 64 hexadecimal digits", param_hint="--lot")
    return bytes.fromhex(text)


def _qr_codes(parts: list[str], path: Path) -> list[tuple[Path, bytes]]:
    from io import BytesIO

    import segno

    kind = path.suffix.lower().removeprefix(".")
    if kind not in {"svg", "png"}:
        raise click.BadParameter("QR codes are written as .svg or .png", param_hint="--qr")
    images = []
    for number, part in enumerate(parts, 1):
        name = path if len(parts) == 1 else path.with_stem(f"{path.stem}-{number}")
        image = BytesIO()
        code = segno.make_qr(part, error=_CORRECTION, mode="alphanumeric", boost_error=False)
        code.save(image, kind=kind, scale=_SCALE, border=_BORDER)
        images.append((name, image.getvalue()))
    return images


@preference_certificate.command("verify")
@click.argument("file", type=_FILE)
@click.option("--genesis", type=_FILE, required=True, help="Genesis file of the ledger.")
@click.option(
    "--validators",
    type=_FILE,
    help="For scanned texts after a change of validators: a newer receipt or proof of the ledger.",
)
@click.option("-q", "--quiet", is_flag=True, help="Print nothing if it is verified.")
@output.json_option
def verify(file: Path, genesis: Path, validators: Path | None, quiet: bool) -> None:
    """Verify FILE, a certificate or the scanned texts of its QR codes (one per line), offline.

    Exit code 0: customs did relieve the lot. 1: the file proves nothing, and the error says why.
    """
    document = load(genesis)
    data = _read(file)
    if data.startswith(b"IIC1:"):
        changes = _changes(validators)
        compact = certificate.from_parts(_lines(data))
        stated = certificate.verify_compact(compact, document, changes)
    else:
        stated = certificate.verify(certificate.read(data), document)
    if not quiet:
        output.emit(_json(stated), lambda: _show(stated))


def _lines(data: bytes) -> list[str]:
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError:
        raise CodedError(MALFORMED, "scanned texts are ASCII") from None
    return [line for line in text.split("\n") if line.strip("\r")]


def _changes(path: Path | None) -> tuple[proof.ValidatorChange, ...]:
    if path is None:
        return ()
    data = _read(path)
    try:
        return proof.read(data).finality.changes
    except CodedError:
        return certificate.read(data).proven.finality.changes


def _json(stated: Preference) -> dict[str, Any]:
    granted = stated.granted
    return {
        "verified": True,
        "network": stated.network,
        "chain_id": stated.chain_id.hex(),
        "lot": granted.lot.hex(),
        "contract": granted.contract.hex(),
        "country": granted.country,
        "customs": granted.customs,
        "decision": granted.decision,
        "declaration": granted.declaration,
        "procedure": granted.procedure.value,
        "hs": granted.hs,
        "unit": granted.unit,
        "quantity": granted.quantity,
        "value": granted.value,
        "shipper": granted.shipper,
        "receiver": granted.receiver,
        "transaction": stated.transaction.hex(),
        "height": stated.height,
        "time": {"iso": output.moment(stated.time), "ms": stated.time},
        "certified": {
            "epoch": stated.signers.epoch,
            "validators": stated.signers.validators,
            "signers": list(stated.signers.names),
        },
    }


def _show(stated: Preference) -> None:
    granted, signers = stated.granted, stated.signers
    output.done(f"verified: customs of {granted.country} relieved lot {granted.lot.hex()}")
    output.facts(
        [
            ("Decision", granted.decision),
            ("Declaration", granted.declaration),
            ("Procedure", granted.procedure.value),
            ("Goods", f"HS {granted.hs}, {granted.quantity} {granted.unit}"),
            ("Value", f"{output.money(granted.value)} GV, net of duty and tax"),
            ("Shipper", granted.shipper),
            ("Receiver", granted.receiver),
            ("Customs", granted.customs),
            ("Contract", granted.contract.hex()),
            ("Ledger", f"{stated.network} {stated.chain_id.hex()}"),
            ("Block", f"{stated.height}, {output.moment(stated.time, local=True)}"),
            (
                "Certified by",
                f"{len(signers.names)} of {signers.validators}: {', '.join(signers.names)}",
            ),
        ]
    )


def _show_made(stated: Preference, names: list[str]) -> None:
    _show(stated)
    for name in names:
        output.say(f"  written: {name}")
