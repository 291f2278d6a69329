"""ZIP archives with one spelling: the same entries always make the same bytes.

Entries are stored uncompressed, in order of their names, with a fixed date and mode, so an archive
opens anywhere and can be made again to compare every byte of it.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping
from typing import Final

from ledger.errors import BAD_PROOF, MALFORMED, TOO_LARGE, CodedError

MAX_BYTES: Final = 512 * 1024 * 1024
MAX_ENTRIES: Final = 200_000
_DATE: Final = (1980, 1, 1, 0, 0, 0)
_UNIX: Final = 3
_MODE: Final = 0o100644 << 16


def pack(entries: Mapping[str, bytes]) -> bytes:
    """The archive of entries by name."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(entries):
            about = zipfile.ZipInfo(name, _DATE)
            about.create_system = _UNIX
            about.external_attr = _MODE
            archive.writestr(about, entries[name])
    return made.getvalue()


def unpack(data: bytes) -> dict[str, bytes]:
    """The entries of an archive, each whole.

    Raises ``TOO_LARGE``, or ``MALFORMED`` naming the damaged entry.
    """
    if len(data) > MAX_BYTES:
        raise CodedError(TOO_LARGE, f"a case file has at most {MAX_BYTES} bytes")
    entry = "the directory"
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if len(archive.filelist) > MAX_ENTRIES:
                raise CodedError(TOO_LARGE, f"a case file has at most {MAX_ENTRIES} entries")
            entries: dict[str, bytes] = {}
            for about in archive.filelist:
                entry = about.filename
                if about.compress_type != zipfile.ZIP_STORED or entry in entries:
                    raise CodedError(MALFORMED, f"{entry}: stored otherwise than in a case file")
                entries[entry] = archive.read(about)
            return entries
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError) as error:
        raise CodedError(MALFORMED, f"the archive is damaged at {entry}: {error}") from None
    except (NotImplementedError, IndexError, OverflowError) as error:
        raise CodedError(MALFORMED, f"the archive is damaged at {entry}: {error}") from None


def require_same(given: bytes, entries: Mapping[str, bytes], made: Mapping[str, bytes]) -> None:
    """Raise ``BAD_PROOF``, naming the entry, unless an archive is what ``made`` packs to."""
    for name in sorted(entries.keys() | made.keys()):
        if name not in made:
            raise CodedError(BAD_PROOF, f"{name} does not belong to the case")
        if name not in entries:
            raise CodedError(BAD_PROOF, f"{name} is missing")
        if entries[name] != made[name]:
            at = _first_difference(entries[name], made[name])
            raise CodedError(
                BAD_PROOF, f"{name} was changed at byte {at}: the proofs make another file"
            )
    packed = pack(made)
    if packed != given:
        at = _first_difference(packed, given)
        raise CodedError(
            BAD_PROOF,
            f"the archive was changed at byte {at}, in the headers of {_near(packed, at)}",
        )


def _first_difference(one: bytes, other: bytes) -> int:
    shorter = min(len(one), len(other))
    return next((at for at in range(shorter) if one[at] != other[at]), shorter)


def _near(packed: bytes, at: int) -> str:
    """The entry whose header stands at or before a byte."""
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        before = [about for about in archive.filelist if about.header_offset <= at]
        start = archive.start_dir
    return "the directory" if at >= start or not before else before[-1].filename
