"""The signer's process: ``iic node signer``.

Serves one node after the other on a Unix socket that only its owner can reach; from another machine
it is reached through a forwarded socket. It answers one request at a time, which is what makes the
memory's check and its write one step. A write that fails ends it: nothing is signed after that.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

from ledger.errors import CodedError
from ledger.keys import PrivateKey
from node.errors import BAD_CONFIG
from node.logs import logger
from node.signer import guard, wire
from node.signer.memory import Memory

_log = logger("signer")


class Signer:
    """A key with its memories, one for each ledger that it signs on."""

    def __init__(self, key: PrivateKey, folder: Path) -> None:
        self._key = key
        self._folder = folder
        self._memories: dict[bytes, Memory] = {}

    @property
    def public(self) -> bytes:
        """The public half."""
        return self._key.public

    def sign(self, message: bytes) -> bytes:
        """The signature, once what it binds the key to is durable; raises ``Refused``."""
        found = guard.read(message)
        if found is not None:
            chain_id, binding = found
            self._memory(chain_id).bind(binding)
        return self._key.sign(message)

    def newest(self, chain_id: bytes) -> int:
        """The newest view in which anything was signed on a ledger."""
        return self._memory(chain_id).past.newest

    def _memory(self, chain_id: bytes) -> Memory:
        known = self._memories.get(chain_id)
        if known is None:
            path = self._folder / f"signed-{chain_id.hex()[:16]}.jsonl"
            known = self._memories[chain_id] = Memory(path)
        return known

    def close(self) -> None:
        """Let go of the memories."""
        for memory in self._memories.values():
            memory.close()


def serve(signer: Signer, path: Path, ready: Callable[[], None] = lambda: None) -> None:
    """Answer until the process is ended. Raises ``BAD_CONFIG`` if the socket cannot be made."""
    with listen(path) as listener:
        ready()
        while True:
            connection, _ = listener.accept()
            with connection:
                try:
                    _converse(signer, connection)
                except (ConnectionError, CodedError) as error:
                    _log.info("a node has left", reason=str(error))


def listen(path: Path) -> socket.socket:
    """A socket that only this user can connect to; one left over by a dead signer is replaced."""
    if path.is_socket():
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(str(path)) == 0:
                raise CodedError(BAD_CONFIG, f"a signer serves {path} already", field="socket")
        path.unlink()
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen(1)
    except OSError as error:
        listener.close()
        raise CodedError(
            BAD_CONFIG, f"{path} cannot be served: {error.strerror}", field="socket"
        ) from None
    return listener


def _converse(signer: Signer, connection: socket.socket) -> None:
    wire.send(connection, wire.HELLO, signer.public)
    while True:
        match wire.receive(connection):
            case (wire.SIGN, bytes(message)):
                try:
                    wire.send(connection, wire.SIGN, signer.sign(message))
                except guard.Refused as refusal:
                    _log.warning("refused to sign", reason=str(refusal))
                    wire.send(connection, wire.REFUSED, str(refusal))
            case (wire.NEWEST, bytes(chain_id)):
                wire.send(connection, wire.NEWEST, signer.newest(chain_id))
            case _:
                raise CodedError(BAD_CONFIG, "a request is to sign, or for the newest view")
