"""One verification worker: ``python -m node.verify.worker CHAIN_ID_HEX``.

Jobs come on standard input, answers go to standard output. For each transaction it decodes the
envelope and the content, checks the canonical form and the chain, and verifies every signature:
all that can be said without knowing the ledger's state. It ends when its standard input does, so
it never outlives its node.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import BinaryIO

from ledger.errors import CodedError
from ledger.transaction import open_envelope, read_content, transaction_id, verify_signatures
from node.verify.pipe import HEADER, PlainVerdict, decode_body, encode_answer, length_of


def check_transaction(chain_id: bytes, wire: bytes) -> PlainVerdict:
    """The stateless check of one transaction."""
    found = b""
    try:
        signed = open_envelope(wire)
        found = transaction_id(chain_id, signed.content)
        read_content(chain_id, signed.content)
        verify_signatures(chain_id, signed)
    except CodedError as error:
        return found, error.code.name, error.message, error.field
    return found, "", "", ""


def serve(chain_id: bytes, source: BinaryIO, target: BinaryIO) -> None:
    """Answer jobs until ``source`` ends."""
    while len(header := source.read(HEADER.size)) == HEADER.size:
        body = source.read(length_of(header))
        number, wires = decode_body(body)
        target.write(encode_answer(number, [check_transaction(chain_id, w) for w in wires]))
        target.flush()


def main() -> None:
    """Run as a child process. Ctrl-C at a terminal reaches the whole group: the node decides."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        serve(bytes.fromhex(sys.argv[1]), sys.stdin.buffer, sys.stdout.buffer)
    except BrokenPipeError:  # the node was killed: nobody waits for the answer still buffered
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
