"""A vote key that signs in another process, in the place of a private key.

Used by :mod:`node.identity` where a key file names a socket instead of a secret. Signing waits for
the signer, at most :data:`node.limits.SIGNER_SECONDS`: a round trip on one machine takes a tenth
of a millisecond and one durable write. A signer that does not answer stops the node, which must
not go on without its votes; a refusal is an answer, and the vote is not cast.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

from ledger.errors import CodedError
from ledger.keys import SigningRefused
from node import limits
from node.errors import BAD_KEY_FILE, SIGNER_FAILED
from node.signer import wire


class RemoteKey:
    """As :class:`ledger.keys.PrivateKey`, less the secret."""

    __slots__ = ("_connection", "_path", "public")

    def __init__(self, path: Path, public: bytes) -> None:
        self._path = path
        self.public = public
        self._connection: socket.socket | None = None

    def sign(self, message: bytes) -> bytes:
        """The signature; raises ``SigningRefused``, or ``SIGNER_FAILED``."""
        answer = self._ask(wire.SIGN, message)
        match answer:
            case (wire.SIGN, bytes(signature)):
                return signature
            case (wire.REFUSED, str(reason)):
                raise SigningRefused(reason)
        raise CodedError(SIGNER_FAILED, f"{self._path} answers something else")

    def newest_view(self, chain_id: bytes) -> int:
        """The newest view in which this key has signed anything; raises ``SIGNER_FAILED``."""
        match self._ask(wire.NEWEST, chain_id):
            case (wire.NEWEST, int(view)):
                return view
        raise CodedError(SIGNER_FAILED, f"{self._path} answers something else")

    def _ask(self, *request: Any) -> tuple[Any, ...]:
        for attempt in (1, 2):  # a signer that was started again has forgotten the connection
            try:
                connection = self._connected()
                wire.send(connection, *request)
                return wire.receive(connection)
            except (OSError, CodedError) as error:
                self.close()
                if attempt == 2 or (isinstance(error, CodedError) and error.code is BAD_KEY_FILE):
                    raise CodedError(SIGNER_FAILED, f"{self._path}: {error}") from None
        raise AssertionError("two attempts end in an answer or an error")

    def _connected(self) -> socket.socket:
        if self._connection is None:
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.settimeout(limits.SIGNER_SECONDS)
                connection.connect(str(self._path))
                match wire.receive(connection):
                    case (wire.HELLO, bytes(public)) if public == self.public:
                        self._connection = connection
                    case _:
                        raise CodedError(BAD_KEY_FILE, "the signer holds another key")
            except BaseException:
                connection.close()
                raise
        return self._connection

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            with suppress(OSError):
                self._connection.close()
            self._connection = None

    def __repr__(self) -> str:
        return f"RemoteKey(public={self.public.hex()})"
