"""Codes of the refusals that running a node adds: API, transport, load."""

from __future__ import annotations

from ledger.errors import CodedError, ErrorCode, define

BUSY = define(
    "BUSY", 429, "The node takes no more work at the moment; send the same bytes again later."
)
RATE_LIMITED = define("RATE_LIMITED", 429, "This client sends faster than the node allows.")
NO_SUCH_RESOURCE = define(
    "NO_SUCH_RESOURCE", 404, "Nothing is at this address, or not at the stated height."
)
NOT_FINAL = define("NOT_FINAL", 409, "The transaction is not final yet, so it has no receipt.")
BAD_REQUEST = define("BAD_REQUEST", 400, "The request does not fit the API's description.")
BAD_CURSOR = define("BAD_CURSOR", 400, "A cursor is not one that this endpoint gave out.")
METHOD_NOT_ALLOWED = define("METHOD_NOT_ALLOWED", 405, "The resource has no such method.")
UNSUPPORTED_MEDIA_TYPE = define(
    "UNSUPPORTED_MEDIA_TYPE", 415, "The body's media type is not one the endpoint reads."
)
READ_ONLY = define(
    "READ_ONLY", 403, "A follower takes no transactions; submit them to a guarantor's node."
)
NOT_READY = define("NOT_READY", 503, "The node cannot serve this yet; its reason says why.")
NOT_CONFIRMED = define(
    "NOT_CONFIRMED",
    503,
    "No quorum of guarantors confirmed in time that this node knows all that is final.",
)
INTERNAL = define("INTERNAL", 500, "The node failed in a way nobody expected; its log says how.")

FRAME_REFUSED = define(
    "FRAME_REFUSED", 400, "A peer sent a frame of an unknown kind or above its kind's limit."
)
PEER_REFUSED = define(
    "PEER_REFUSED", 403, "A peer is not the registered node that it claims to be."
)
BAD_CONFIG = define("BAD_CONFIG", 400, "A node's configuration file is missing or wrong.")
BAD_KEY_FILE = define(
    "BAD_KEY_FILE", 400, "A node's key file is missing, damaged, locked or open to other users."
)
SIGNER_FAILED = define(
    "SIGNER_FAILED", 503, "The process that holds the vote key does not answer as it should."
)
VOTES_LOST = define(
    "VOTES_LOST",
    409,
    "The record of this node's votes is gone; voting again could contradict them.",
)
VOTES_FORGOTTEN = define(
    "VOTES_FORGOTTEN",
    409,
    "A peer holds a vote of this node that it does not know of: its disk is an earlier state.",
)
BAD_RECOVERY = define(
    "BAD_RECOVERY", 409, "A recovery document or statement does not hold, or contradicts another."
)
VERIFIER_FAILED = define(
    "VERIFIER_FAILED", 500, "Verification workers died over this transaction; it was not taken."
)
JOIN_FAILED = define(
    "JOIN_FAILED", 503, "No snapshot could be joined from; replaying every block remains."
)
FAR_BEHIND = define(
    "FAR_BEHIND", 503, "The node is so far behind its peers that it joins by a snapshot again."
)
HALTED = define(
    "HALTED", 500, "The node has stopped itself before it could do harm; its log says why."
)
WRITE_FAILED = define(
    "WRITE_FAILED", 500, "A durable write failed; the node has stopped and must be checked."
)


class Busy(CodedError):
    """``BUSY`` or ``RATE_LIMITED`` with the seconds after which trying again makes sense."""

    def __init__(self, message: str, *, retry_after_s: int = 1, code: ErrorCode = BUSY) -> None:
        super().__init__(code, message)
        self.retry_after_s = retry_after_s
