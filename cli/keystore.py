"""The keystore: a member's private keys in one encrypted file.

The file is JSON. Its header is in the clear, so public keys can be listed without the password, and
it is authenticated together with the secrets: argon2id (RFC 9106) derives a key from the password
with the parameters and salt in the header, and XChaCha20-Poly1305 encrypts the seeds with the
canonical header as associated data. Changing anything in the file, or renaming a key, is found
when it is opened. Every rewrite takes a fresh salt and nonce.

Private keys leave this module only as :class:`ledger.keys.PrivateKey`, whose text form shows the
public part. Nothing here prints, prompts or reads the environment; ``cli.passwords`` does.

>>> import tempfile, pathlib
>>> path = pathlib.Path(tempfile.mkdtemp()) / "member.keystore"
>>> cheap = Kdf(operations=1, memory_kib=8192)
>>> store = Keystore.create(path, "correct horse", {"director": PrivateKey(bytes(32))}, kdf=cheap)
>>> read_header(path).entries[0].name
'director'
>>> Keystore.open(path, "correct horse").key("director").public == store.key("director").public
True
"""

from __future__ import annotations

import json
import os
import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import nacl.exceptions
from nacl import bindings as sodium

from cli.errors import (
    BAD_PASSWORD,
    FILE_EXISTS,
    KEY_EXISTS,
    KEYSTORE_DAMAGED,
    NO_SUCH_KEY,
)
from cli.files import require_private, write_private
from ledger.errors import CodedError
from ledger.keys import SEED_BYTES, PrivateKey

FORMAT = "iic-keystore"
VERSION = 1
MAX_FILE_BYTES = 1 << 20
MAX_KEYS = 256

KEY_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
"""Names of keys: lower-case, so that they read the same in files, prompts and signing policies."""

_SALT_BYTES = 16
_NONCE_BYTES = 24


class Kdf(NamedTuple):
    """Cost of argon2id. The default takes about half a second and 256 MiB on a small machine.

    ``operations`` are passes over the memory. The bounds keep a hostile file from costing more
    than a few seconds or from exhausting the machine.
    """

    operations: int = 3
    memory_kib: int = 256 * 1024

    def check(self) -> None:
        """Raise ``KEYSTORE_DAMAGED`` outside 1..16 passes and 8 MiB..1 GiB."""
        if not (1 <= self.operations <= 16 and 8 * 1024 <= self.memory_kib <= 1024 * 1024):
            raise CodedError(
                KEYSTORE_DAMAGED,
                "argon2id takes 1 to 16 passes over 8 to 1,024 MiB; the file asks for "
                f"{self.operations} over {self.memory_kib // 1024} MiB",
            )


DEFAULT_KDF = Kdf()


class Entry(NamedTuple):
    """The public side of one key."""

    name: str
    public: bytes


class Header(NamedTuple):
    """What a keystore file shows without its password. ``label`` says whose keys these are."""

    label: str
    entries: tuple[Entry, ...]
    kdf: Kdf
    salt: bytes
    nonce: bytes

    def named(self, name: str) -> Entry:
        """The entry called ``name``; raises ``NO_SUCH_KEY``."""
        for entry in self.entries:
            if entry.name == name:
                return entry
        known = ", ".join(e.name for e in self.entries) or "none"
        raise CodedError(NO_SUCH_KEY, f"no key is called {name!r}; the keystore holds: {known}")

    def _to_json(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "version": VERSION,
            "label": self.label,
            "kdf": {
                "name": "argon2id",
                "operations": self.kdf.operations,
                "memory_kib": self.kdf.memory_kib,
                "salt": self.salt.hex(),
            },
            "cipher": {"name": "xchacha20-poly1305", "nonce": self.nonce.hex()},
            "keys": [{"name": e.name, "public": e.public.hex()} for e in self.entries],
        }

    def _associated_data(self) -> bytes:
        return json.dumps(
            self._to_json(), sort_keys=True, separators=(",", ":"), ensure_ascii=True
        ).encode()


class Keystore:
    """An opened keystore: its keys by name, and the file they came from."""

    __slots__ = ("_keys", "_password", "header", "path")

    def __init__(
        self, path: Path, header: Header, keys: Mapping[str, PrivateKey], password: str
    ) -> None:
        self.path = path
        self.header = header
        self._keys = dict(keys)
        self._password = password

    @classmethod
    def create(
        cls,
        path: Path,
        password: str,
        keys: Mapping[str, PrivateKey],
        *,
        label: str = "",
        kdf: Kdf | None = None,
    ) -> Keystore:
        """Write a new file with mode 0600; raises ``FILE_EXISTS`` rather than overwrite one."""
        if os.path.lexists(path):
            raise CodedError(FILE_EXISTS, f"{path} exists; choose another file or import into it")
        for name in keys:
            _check_name(name)
        store = cls(path, _fresh_header(label, keys, kdf or DEFAULT_KDF), keys, password)
        store._write(exclusive=True)
        return store

    @classmethod
    def open(cls, path: Path, password: str) -> Keystore:
        """Decrypt a file. Raises ``BAD_PASSWORD``, ``KEYSTORE_DAMAGED`` or ``FILE_MODE``."""
        header, sealed = _read(path)
        return cls(path, header, _unseal(path, header, sealed, password), password)

    def key(self, name: str) -> PrivateKey:
        """The private key called ``name``; raises ``NO_SUCH_KEY``."""
        return self._keys[self.header.named(name).name]

    def keys(self) -> dict[str, PrivateKey]:
        """All private keys by name, in the file's order."""
        return dict(self._keys)

    def add(self, name: str, key: PrivateKey) -> None:
        """Add a key and rewrite the file atomically; raises ``KEY_EXISTS``."""
        _check_name(name)
        if name in self._keys:
            raise CodedError(KEY_EXISTS, f"the keystore already holds a key called {name!r}")
        if any(held.public == key.public for held in self._keys.values()):
            raise CodedError(KEY_EXISTS, "the keystore already holds this key under another name")
        self._rewrite(self._keys | {name: key}, self._password)

    def change_password(self, password: str) -> None:
        """Encrypt the same keys under another password."""
        self._rewrite(self._keys, password)

    def _rewrite(self, keys: dict[str, PrivateKey], password: str) -> None:
        self.header = _fresh_header(self.header.label, keys, self.header.kdf)
        self._keys = keys
        self._password = password
        self._write(exclusive=False)

    def _write(self, *, exclusive: bool) -> None:
        seeds = b"".join(self._keys[e.name].seed() for e in self.header.entries)
        sealed = sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(
            seeds,
            self.header._associated_data(),
            self.header.nonce,
            _derive(self._password, self.header),
        )
        document = self.header._to_json() | {"sealed": sealed.hex()}
        text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
        write_private(self.path, text.encode(), exclusive=exclusive)

    def __repr__(self) -> str:
        return f"Keystore({str(self.path)!r}, keys={[e.name for e in self.header.entries]})"


def read_header(path: Path) -> Header:
    """The public side of a keystore file, not yet authenticated: that takes the password."""
    return _read(path)[0]


def _fresh_header(label: str, keys: Mapping[str, PrivateKey], kdf: Kdf) -> Header:
    kdf.check()
    entries = tuple(Entry(name, key.public) for name, key in keys.items())
    if len(entries) > MAX_KEYS:
        raise CodedError(KEYSTORE_DAMAGED, f"a keystore holds at most {MAX_KEYS} keys")
    return Header(label, entries, kdf, os.urandom(_SALT_BYTES), os.urandom(_NONCE_BYTES))


def _check_name(name: str) -> None:
    if not KEY_NAME.fullmatch(name):
        raise CodedError(
            NO_SUCH_KEY,
            "a key's name has 1 to 64 lower-case letters, digits, dots, dashes or underscores",
            field="name",
        )


def _derive(password: str, header: Header) -> bytes:
    # The same password typed on two systems must be the same bytes, hence NFC.
    return sodium.crypto_pwhash_alg(
        sodium.crypto_aead_xchacha20poly1305_ietf_KEYBYTES,
        unicodedata.normalize("NFC", password).encode(),
        header.salt,
        header.kdf.operations,
        header.kdf.memory_kib * 1024,
        sodium.crypto_pwhash_ALG_ARGON2ID13,
    )


def _unseal(path: Path, header: Header, sealed: bytes, password: str) -> dict[str, PrivateKey]:
    expected = SEED_BYTES * len(header.entries)
    if len(sealed) != expected + sodium.crypto_aead_xchacha20poly1305_ietf_ABYTES:
        raise CodedError(KEYSTORE_DAMAGED, f"{path} lists another number of keys than it holds")
    try:
        seeds = sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(
            sealed, header._associated_data(), header.nonce, _derive(password, header)
        )
    except nacl.exceptions.CryptoError:
        # One tag covers password and content, so the two causes cannot be told apart.
        raise CodedError(
            BAD_PASSWORD, f"the password does not open {path}, or the file was changed"
        ) from None
    keys = {
        entry.name: PrivateKey(seeds[SEED_BYTES * i : SEED_BYTES * (i + 1)])
        for i, entry in enumerate(header.entries)
    }
    for entry in header.entries:
        if keys[entry.name].public != entry.public:
            raise CodedError(KEYSTORE_DAMAGED, f"key {entry.name!r} in {path} is not the one named")
    return keys


def _read(path: Path) -> tuple[Header, bytes]:
    require_private(path)
    with path.open("rb") as file:
        raw = file.read(MAX_FILE_BYTES + 1)
    if len(raw) > MAX_FILE_BYTES:
        raise CodedError(KEYSTORE_DAMAGED, f"{path} is too large for a keystore")
    try:
        document = json.loads(raw)
        if document["format"] != FORMAT:
            raise ValueError
        if document["version"] != VERSION:
            raise CodedError(
                KEYSTORE_DAMAGED,
                f"{path} has version {document['version']!r}; this wallet reads {VERSION}",
            )
        kdf = document["kdf"]
        if kdf["name"] != "argon2id" or document["cipher"]["name"] != "xchacha20-poly1305":
            raise ValueError
        header = Header(
            _text(document["label"]),
            tuple(Entry(_text(k["name"]), _hex(k["public"], SEED_BYTES)) for k in document["keys"]),
            Kdf(_int(kdf["operations"]), _int(kdf["memory_kib"])),
            _hex(kdf["salt"], _SALT_BYTES),
            _hex(document["cipher"]["nonce"], _NONCE_BYTES),
        )
        sealed = _hex(document["sealed"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise CodedError(KEYSTORE_DAMAGED, f"{path} is not a keystore of this wallet") from None
    header.kdf.check()
    if len({e.name for e in header.entries}) != len(header.entries):
        raise CodedError(KEYSTORE_DAMAGED, f"{path} names a key twice")
    return header, sealed


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError
    return value


def _int(value: Any) -> int:
    if type(value) is not int:
        raise ValueError
    return value


def _hex(value: Any, length: int | None = None) -> bytes:
    data = bytes.fromhex(_text(value))
    if length is not None and len(data) != length:
        raise ValueError
    return data
