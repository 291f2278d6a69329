"""Protocol versions: which rules a block follows, and where they begin to apply.

Governance decides and writes; the executor asks at the start of every block. A release knows every
version up to :data:`ledger.block.PROTOCOL_VERSION` and executes each block by the version in force
there, which rules read as ``ctx.protocol``; the block's header states it.
"""

from __future__ import annotations

from typing import Final

from contracts.errors import UNKNOWN_PROTOCOL
from contracts.framework.types import Digest
from ledger import block
from ledger.codec import Struct, Uint
from ledger.errors import CodedError
from ledger.state import State, Table


class Protocol(Struct, tag=1):
    """The protocol version in force since a height, and the digest of its release."""

    version: Uint
    height: Uint
    release: Digest | None = None


PROTOCOL: Final = Table("protocol", Protocol)
"""By version: every version that was decided; ``height`` is where it takes effect."""
FIRST: Final = Protocol(1, 0)
"""What every ledger starts with."""


def newest_protocol(state: State) -> Protocol:
    """The newest version that took effect; versions have no gaps."""
    newest = FIRST
    while (following := state.get(PROTOCOL, newest.version + 1)) is not None:
        newest = following
    return newest


def is_known(protocol: Protocol) -> bool:
    """Whether this software has a version's rules."""
    return protocol.version <= block.PROTOCOL_VERSION


def require_known(protocol: Protocol) -> None:
    """Raise ``UNKNOWN_PROTOCOL`` if this software does not have a version's rules."""
    if not is_known(protocol):
        named = "" if protocol.release is None else f", release {protocol.release.hex()}"
        raise CodedError(
            UNKNOWN_PROTOCOL,
            f"from height {protocol.height} the ledger follows protocol {protocol.version}"
            f"{named}; this software knows protocols up to {block.PROTOCOL_VERSION}: install the "
            f"release that the guarantors decided on and start the node again",
        )
