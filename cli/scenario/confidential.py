"""Confidential annexes in a scenario: sealed for their parties, granted to others later.

Encryption keys are derived as all demo keys are; what is encrypted is as random as it must be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cli import annexes
from cli.annexes import EncryptionSecret, SealedAnnex
from cli.scenario.cast import Cast
from cli.scenario.file import bad


class Cabinet:
    """Every annex that was sealed, by the name that a step gives it."""

    def __init__(self, cast: Cast, chain_id: bytes) -> None:
        self._cast = cast
        self._chain_id = chain_id
        self.annexes: dict[str, SealedAnnex] = {}

    def secret(self, party: str) -> EncryptionSecret:
        """The demo encryption key of a party."""
        return EncryptionSecret(self._cast.derive(party, "encryption").seed())

    def fields(self, operation: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Fields of an operation on annexes as the ledger wants them; of any other, unchanged.

        ``annex.Seal`` is written with ``name``, ``text``, ``title``, ``parties`` and ``about``,
        ``annex.Grant`` with ``name``, ``recipients`` and ``reason``, and
        ``annex.RegisterEncryptionKey`` with ``of``.
        """
        given = dict(fields)
        if operation == "annex.RegisterEncryptionKey":
            return {"key": self.secret(str(given["of"])).public.hex()}
        if operation == "annex.Seal":
            sealed = annexes.seal(self._chain_id, str(given.pop("text")).encode())
            self.annexes[str(given.pop("name"))] = sealed
            parties = sorted(given["parties"], key=lambda party: self._cast.player(party).lei)
            return given | {
                "commitment": sealed.commitment.hex(),
                "ciphertext": sealed.ciphertext.hex(),
                "size": sealed.size,
                "parties": parties,
                "envelopes": self._envelopes(sealed, parties),
            }
        if operation == "annex.Grant":
            known = self.annexes.get(str(given.pop("name")))
            if known is None:
                raise bad("no annex of this name was sealed before")
            return {
                "annex": known.commitment.hex(),
                "envelopes": self._envelopes(known, given["recipients"]),
                "reason": given["reason"],
            }
        return given

    def _envelopes(self, sealed: SealedAnnex, recipients: Sequence[str]) -> list[dict[str, Any]]:
        found = []
        for party in recipients:
            public = self.secret(party).public
            found.append(
                {
                    "recipient": party,
                    "key": public.hex(),
                    "sealed": annexes.wrap(sealed.content_key, public).hex(),
                }
            )
        return found
