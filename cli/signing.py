"""Who signs: an opened keystore or the unlock agent, behind one small interface."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from cli import agent
from cli.keystore import Keystore, read_header
from cli.passwords import read_password
from cli.txfile import TransactionFile
from ledger.keys import PrivateKey
from ledger.transaction import signing_bytes


class Signer(Protocol):
    """Signs transaction content with one of its keys, named by the public key."""

    def sign(self, public: bytes, chain_id: bytes, content: bytes) -> bytes:
        """The 64-byte signature; raises a coded error if there is no such key."""
        ...


class KeySigner:
    """Private keys held by this process."""

    def __init__(self, keys: Iterable[PrivateKey]) -> None:
        self._keys = {key.public: key for key in keys}

    def sign(self, public: bytes, chain_id: bytes, content: bytes) -> bytes:
        """See :class:`Signer`."""
        return self._keys[public].sign(signing_bytes(chain_id, content))


def open_signer(keystore: Path, password_file: Path | None) -> Signer:
    """The agent of this keystore if one runs, else the keystore, which asks for its password."""
    running = agent.find(keystore)
    if running is not None:
        return running
    read_header(keystore)  # a missing or damaged file is told before a password is asked for
    password = read_password(password_file, what=str(keystore))
    return KeySigner(Keystore.open(keystore, password).keys().values())


def sign(file: TransactionFile, signer: Signer, publics: Iterable[bytes]) -> TransactionFile:
    """``file`` with the signatures of some of the signer's keys added."""
    for public in publics:
        signature = signer.sign(public, file.chain_id, file.signed.content)
        file = file.with_signature(public, signature)
    return file
