"""The ledger's state as a wallet sees it: read from any node, believed only with a proof.

Every record comes with its path to a state root that a quorum certified, verified against the
genesis file, so the wallet may run the ledger's own rules (who must sign, is the balance enough)
without trusting the node it asks. Reading lists of records is not provable this way.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from cli import calls
from cli.client import Client
from cli.errors import BAD_ANSWER
from ledger import proof
from ledger.codec import Struct
from ledger.errors import CodedError
from ledger.genesis import Genesis
from ledger.state import KeyPart, MemoryMap, State, Table

R = TypeVar("R", bound=Struct)


class NotProvable(Exception):  # not a failure: the wallet does without the answer
    """A rule wants to scan a table, which single proofs cannot answer."""


class ProvenState(State):
    """Typed reads like :class:`ledger.state.State`, each proven; records are kept once read.

    ``height`` is the newest certified height that a record was read at, and ``time`` its block
    time. Reads raise the client's errors, ``BAD_PROOF``, ``BAD_CERTIFICATE`` or ``BAD_ANSWER``;
    ``failure`` keeps the last of these, to tell it from what a rule raised.
    """

    def __init__(self, client: Client, genesis: Genesis) -> None:
        super().__init__(MemoryMap())
        self._client = client
        self._genesis = genesis
        self.height = 0
        self.time = genesis.time
        self.failure: CodedError | None = None

    def get(self, table: Table[R], *parts: KeyPart) -> R | None:
        """The record of a key, or None, proven."""
        key = table.key(*parts)
        if key not in self._cache:
            value = self._fetch(table.name, key, parts)
            self._remember(key, None if value is None else table.decode(value))
        return self.record(table, key)

    def scan(
        self, table: Table[R], *prefix_parts: KeyPart, after: bytes | None = None
    ) -> Iterator[tuple[bytes, R]]:
        """Not provable by single proofs."""
        raise NotProvable(table.name)

    def records(
        self, table: Table[R], prefix: bytes, start: bytes = b""
    ) -> Iterator[tuple[bytes, R]]:
        """Not provable by single proofs."""
        raise NotProvable(table.name)

    def _fetch(self, table: str, key: bytes, parts: tuple[KeyPart, ...]) -> bytes | None:
        try:
            proven = proof.read(self._client.do(calls.state_proof(table, parts)))
            if not isinstance(proven, proof.ProvenState) or proven.key != key:
                raise CodedError(BAD_ANSWER, "the node proves another record than was asked for")
            proof.verify_state(proven, self._genesis)
        except CodedError as error:
            self.failure = error
            raise
        header = proven.finality.header
        if header.height > self.height:
            self.height, self.time = header.height, header.time
        return proven.value
