"""A node's own keys, as files.

``keys/vote.key`` signs proposals, batches, votes and hellos; ``keys/tls.key`` and ``keys/tls.crt``
make the TLS connections. They are separate, and both are made here, on the guarantor's machine:
only the public halves ever leave it. Files belong to the node's user and are closed to all others;
the vote key may in addition be encrypted under a password (argon2id, XSalsa20-Poly1305), or live
with a signer (:mod:`node.signer`): then its file holds the signer's socket instead of the secret.
"""

from __future__ import annotations

import json
import os
import ssl
import stat
from pathlib import Path
from typing import Any, NamedTuple

from nacl.exceptions import CryptoError
from nacl.pwhash import argon2id
from nacl.secret import SecretBox
from nacl.utils import random

from ledger import keys
from ledger.errors import CodedError
from node.errors import BAD_KEY_FILE
from node.network.tls import TlsFiles
from node.signer.client import RemoteKey

KEYS = "keys"
VOTE_KEY = "vote.key"
TLS_KEY = "tls.key"
TLS_CERTIFICATE = "tls.crt"

FORMAT = "iic-vote-key/1"
_MAX_FILE_BYTES = 16 * 1024
_MAX_KDF_MEMORY = 1024 * 1024 * 1024
_MAX_KDF_OPERATIONS = 16


class NodeIdentity(NamedTuple):
    """The keys of a running node; ``certificate`` is DER."""

    vote_key: keys.SigningKey
    certificate: bytes
    tls: TlsFiles


def folders(home: Path) -> tuple[str, ...]:
    """The names of the folders with a node's keys, in the order in which they were made.

    ``keys`` is the first; each rotation adds another, ``keys-1``, ``keys-2`` and so on. The
    register says which of them is in force, so nothing has to be moved when that changes.
    """
    numbers = sorted(
        int(path.name.removeprefix(f"{KEYS}-"))
        for path in home.glob(f"{KEYS}-*")
        if path.name.removeprefix(f"{KEYS}-").isdecimal()
    )
    return (KEYS, *(f"{KEYS}-{number}" for number in numbers))


def following_folder(home: Path) -> str:
    """The name of the folder for a node's next keys."""
    last = folders(home)[-1].removeprefix(KEYS).removeprefix("-")
    return f"{KEYS}-{int(last or 0) + 1}"


def create(
    home: Path, *, name: str, party: str, password: bytes | None = None, folder: str = KEYS
) -> NodeIdentity:
    """Make new keys in a folder of the home; never overwrites. Raises ``BAD_KEY_FILE``.

    ``name`` and ``party`` (an LEI) go into the certificate's subject for people who look at it;
    nothing is decided by them.
    """
    final = home / folder
    for file in (VOTE_KEY, TLS_KEY, TLS_CERTIFICATE):
        if (final / file).exists():
            raise CodedError(
                BAD_KEY_FILE, f"{final / file} exists already; keys are never overwritten"
            )
    # A running node looks for new folders, so one appears only once it is complete.
    path = final if folder == KEYS else home / f".{folder}.{os.getpid()}"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    from node.certificate import make_certificate  # noqa: PLC0415  # a running node has no use for it

    vote_key = keys.PrivateKey.generate()
    key_pem, certificate_pem = make_certificate(name, party)
    _write_private(path / VOTE_KEY, _seal(vote_key, password))
    _write_private(path / TLS_KEY, key_pem)
    _write_private(path / TLS_CERTIFICATE, certificate_pem)
    _sync_folder(path)
    if path != final:
        path.rename(final)
        _sync_folder(home)
    return load(home, password, folder)


def load(home: Path, password: bytes | None = None, folder: str = KEYS) -> NodeIdentity:
    """Read the keys; raises ``BAD_KEY_FILE`` if a file is missing, damaged or open to others."""
    path = home / folder
    tls = TlsFiles(path / TLS_CERTIFICATE, path / TLS_KEY)
    _read_private(tls.key)
    return NodeIdentity(
        open_vote_key(path / VOTE_KEY, password),
        read_certificate(tls.certificate),
        tls,
    )


def is_encrypted(home: Path) -> bool:
    """Whether the vote key needs a password."""
    path = home / KEYS / VOTE_KEY
    return "box" in _parse(path, _read_private(path))


def read_password(path: Path) -> bytes:
    """The password in a file that only its owner can read; a final line break is not part of it."""
    return _read_private(path).rstrip(b"\r\n")


def read_certificate(path: Path) -> bytes:
    """A PEM certificate as DER; raises ``BAD_KEY_FILE``."""
    try:
        return ssl.PEM_cert_to_DER_cert(_read_file(path).decode("ascii"))
    except ValueError:
        raise CodedError(BAD_KEY_FILE, f"{path} is not a certificate in PEM") from None


def _seal(key: keys.PrivateKey, password: bytes | None) -> bytes:
    document: dict[str, Any] = {"format": FORMAT, "public": key.public.hex()}
    if password is None:
        document["seed"] = key.seed().hex()
    else:
        salt = random(argon2id.SALTBYTES)
        operations, memory = argon2id.OPSLIMIT_MODERATE, argon2id.MEMLIMIT_MODERATE
        derived = argon2id.kdf(SecretBox.KEY_SIZE, password, salt, operations, memory)
        document |= {
            "kdf": {"name": "argon2id", "salt": salt.hex(), "ops": operations, "memory": memory},
            "box": bytes(SecretBox(derived).encrypt(key.seed())).hex(),
        }
    return json.dumps(document, indent=2).encode() + b"\n"


def _parse(path: Path, data: bytes) -> dict[str, Any]:
    try:
        document = json.loads(data)
    except ValueError:
        document = None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise CodedError(BAD_KEY_FILE, f"{path} is not a vote key file of format {FORMAT}")
    return document


def open_vote_key(path: Path, password: bytes | None = None) -> keys.SigningKey:
    """The vote key of a file: the secret itself, or the signer that holds it."""
    data = _read_private(path)
    document = _parse(path, data)
    if "signer" not in document:
        return _unseal(path, data, password)
    try:
        return RemoteKey(Path(document["signer"]), bytes.fromhex(document["public"]))
    except (KeyError, TypeError, ValueError):
        raise CodedError(BAD_KEY_FILE, f"{path} is damaged") from None


def move_vote_key(path: Path, folder: Path, socket: Path) -> None:
    """Move a key file's secret to a signer's folder, and leave the signer's socket in its place.

    The secret is durable in its new place before it is overwritten in the old one.
    """
    data = _read_private(path)
    document = _parse(path, data)
    if "signer" in document:
        raise CodedError(BAD_KEY_FILE, f"{path} names a signer already: {document['signer']}")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if (folder / VOTE_KEY).exists():
        raise CodedError(BAD_KEY_FILE, f"{folder / VOTE_KEY} exists; keys are never overwritten")
    _write_private(folder / VOTE_KEY, data)
    _sync_folder(folder)
    left = {"format": FORMAT, "public": document["public"], "signer": str(socket.absolute())}
    part = path.with_name(path.name + ".part")
    _write_private(part, json.dumps(left, indent=2).encode() + b"\n")
    part.replace(path)
    _sync_folder(path.parent)


def _unseal(path: Path, data: bytes, password: bytes | None) -> keys.PrivateKey:
    document = _parse(path, data)
    try:
        if "box" in document:
            seed = _open_box(path, document, password)
        else:
            seed = bytes.fromhex(document["seed"])
        key = keys.PrivateKey(seed)
    except (KeyError, TypeError, ValueError):
        raise CodedError(BAD_KEY_FILE, f"{path} is damaged") from None
    if key.public.hex() != document.get("public"):
        raise CodedError(BAD_KEY_FILE, f"{path} is damaged: its two halves do not fit")
    return key


def _open_box(path: Path, document: dict[str, Any], password: bytes | None) -> bytes:
    if password is None:
        raise CodedError(
            BAD_KEY_FILE, f"{path} is encrypted; give --password-file or set password_file"
        )
    kdf = document["kdf"]
    operations, memory = int(kdf["ops"]), int(kdf["memory"])
    if operations > _MAX_KDF_OPERATIONS or memory > _MAX_KDF_MEMORY:
        raise CodedError(BAD_KEY_FILE, f"{path} asks for more work than any honest key file")
    salt, box = bytes.fromhex(kdf["salt"]), bytes.fromhex(document["box"])
    try:
        derived = argon2id.kdf(SecretBox.KEY_SIZE, password, salt, operations, memory)
        return bytes(SecretBox(derived).decrypt(box))
    except CryptoError:
        raise CodedError(BAD_KEY_FILE, f"the password does not open {path}") from None


def _write_private(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _read_file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_FILE_BYTES + 1)
    except OSError as error:
        raise CodedError(BAD_KEY_FILE, f"cannot read {path}: {error.strerror}") from None
    if len(data) > _MAX_FILE_BYTES:
        raise CodedError(BAD_KEY_FILE, f"{path} is far too long for a key")
    return data


def _read_private(path: Path) -> bytes:
    """A file that is regular, ours, and closed to everybody else."""
    try:
        found = path.stat()
    except OSError as error:
        raise CodedError(BAD_KEY_FILE, f"cannot read {path}: {error.strerror}") from None
    if not stat.S_ISREG(found.st_mode):
        raise CodedError(BAD_KEY_FILE, f"{path} is not a regular file")
    if found.st_uid != os.geteuid():
        raise CodedError(BAD_KEY_FILE, f"{path} belongs to another user")
    if found.st_mode & 0o077:
        raise CodedError(
            BAD_KEY_FILE, f"{path} is open to other users; close it with: chmod 600 {path}"
        )
    return _read_file(path)
