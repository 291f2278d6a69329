"""What can be asked of a node: each function describes one call, :mod:`cli.client` makes it.

A :class:`Call` knows path, parameters and the type of its answer, and nothing of connections, so
the synchronous and the asynchronous client share all of this::

    party = client.do(calls.party("5299000J2N45DDNE4Y28"))
    party = await async_client.do(calls.party("5299000J2N45DDNE4Y28"))
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import msgspec

from cli.errors import BAD_ANSWER
from ledger import segment as segments
from ledger.errors import CodedError
from node.api import models

T = TypeVar("T")
V = TypeVar("V", bound=models.View)

MSGPACK = "application/msgpack"


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request to a node and how to read its answer.

    ``slack_s`` is how much longer than usual the node may take, because it was asked to wait.
    Every call may be repeated: reads change nothing, and the same bytes submitted again get their
    first result.
    """

    method: str
    path: str
    read: Callable[[bytes], T]
    params: Mapping[str, Any] = field(default_factory=dict)
    body: bytes | None = None
    media_type: str = ""
    slack_s: float = 0.0


def _reader(kind: type[V]) -> Callable[[bytes], V]:
    decoder = msgspec.json.Decoder(kind)

    def read(content: bytes) -> V:
        try:
            return decoder.decode(content)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise CodedError(
                BAD_ANSWER, f"the node's answer is not a {kind.__name__}; is it a node's address?"
            ) from None

    return read


_READERS: dict[type[models.View], Callable[[bytes], Any]] = {}


def get(path: str, kind: type[V], **params: Any) -> Call[V]:
    """A read whose answer is ``kind``; parameters that are None or empty are left out."""
    read = _READERS.get(kind)
    if read is None:
        read = _READERS[kind] = _reader(kind)
    chosen = {name: value for name, value in params.items() if value not in (None, "", [], ())}
    return Call("GET", path, read, chosen)


def get_bytes(path: str, **params: Any) -> Call[bytes]:
    """A read whose answer is a file."""
    chosen = {name: value for name, value in params.items() if value is not None}
    return Call("GET", path, bytes, chosen)


def quoted(part: str) -> str:
    """A path segment of any text."""
    return urllib.parse.quote(part, safe="")


_read_submissions = _reader(models.SubmissionAnswer)


def submit(wires: Sequence[bytes], *, wait_s: float = 0.0) -> Call[models.SubmissionAnswer]:
    """Submit envelopes (at most 2,000 and 2 MiB); wait up to ``wait_s`` until none is pending.

    :meth:`cli.client.Client.submit` splits longer lists and resends.
    """
    params = {"wait": "final", "timeout": wait_s} if wait_s > 0 else {}
    return Call(
        "POST",
        "/v1/transactions",
        _read_submissions,
        params,
        msgspec.msgpack.encode(list(wires)),
        MSGPACK,
        wait_s,
    )


def statuses(ids: Sequence[bytes], *, wait_s: float = 0.0) -> Call[models.SubmissionAnswer]:
    """The statuses of at most 2,000 transactions, in order."""
    params = {"wait": "final", "timeout": wait_s} if wait_s > 0 else {}
    body = msgspec.json.encode({"ids": [identity.hex() for identity in ids]})
    return Call(
        "POST",
        "/v1/transactions/status",
        _read_submissions,
        params,
        body,
        "application/json",
        wait_s,
    )


def node() -> Call[models.NodeView]:
    """What the node is doing and why it waits."""
    return get("/v1/node", models.NodeView)


def genesis() -> Call[bytes]:
    """The genesis file. Check its chain id against one received another way."""
    return get_bytes("/v1/genesis")


def errors() -> Call[models.ErrorCatalogue]:
    """Every error code of the node."""
    return get("/v1/errors", models.ErrorCatalogue)


def transaction(identity: bytes) -> Call[models.TransactionView]:
    """Status, content and receipt of one transaction."""
    return get(f"/v1/transactions/{identity.hex()}", models.TransactionView)


def receipt_file(identity: bytes) -> Call[bytes]:
    """The self-contained receipt of a recorded transaction (``ledger.proof``)."""
    return get_bytes(f"/v1/transactions/{identity.hex()}/receipt")


def block(height: int | None = None) -> Call[models.BlockAnswer]:
    """One block; None for the newest."""
    where = "latest" if height is None else str(height)
    return get(f"/v1/blocks/{where}", models.BlockAnswer)


def blocks(*, before: int | None = None, limit: int | None = None) -> Call[models.BlockPage]:
    """Blocks below a height, newest first."""
    return get("/v1/blocks", models.BlockPage, before=before, limit=limit)


def block_rows(
    height: int, *, cursor: str = "", limit: int | None = None
) -> Call[models.BlockRows]:
    """What a block records."""
    return get(f"/v1/blocks/{height}/transactions", models.BlockRows, cursor=cursor, limit=limit)


def segment(start: int) -> Call[segments.Segment]:
    """Final blocks from a height on, complete; empty where the node has none yet."""
    return Call("GET", "/v1/segments", _read_segment, {"from": start})


def _read_segment(content: bytes) -> segments.Segment:
    try:
        return segments.read(content)
    except CodedError as error:
        raise CodedError(BAD_ANSWER, f"the node's blocks do not decode: {error.message}") from None


def parties(
    text: str = "", *, cursor: str = "", limit: int | None = None
) -> Call[models.PartyPage]:
    """Parties whose name or LEI contains a text."""
    return get("/v1/parties", models.PartyPage, q=text, cursor=cursor, limit=limit)


def party(lei: str) -> Call[models.PartyAnswer]:
    """One party: standing, keys, signing policy."""
    return get(f"/v1/parties/{quoted(lei)}", models.PartyAnswer)


def accounts(
    lei: str, *, cursor: str = "", limit: int | None = None
) -> Call[models.AccountsAnswer]:
    """A party's accounts."""
    path = f"/v1/parties/{quoted(lei)}/accounts"
    return get(path, models.AccountsAnswer, cursor=cursor, limit=limit)


def history(lei: str, *, cursor: str = "", limit: int | None = None) -> Call[models.HistoryPage]:
    """What concerned a party, newest first."""
    path = f"/v1/parties/{quoted(lei)}/history"
    return get(path, models.HistoryPage, cursor=cursor, limit=limit)


def todo(
    lei: str, *, everything: bool = False, cursor: str = "", limit: int | None = None
) -> Call[models.TodoAnswer]:
    """What waits for a party, or, with ``everything``, all its open objects."""
    path = f"/v1/parties/{quoted(lei)}/todo"
    params = {"all": "true"} if everything else {}
    return get(path, models.TodoAnswer, cursor=cursor, limit=limit, **params)


def object(identity: bytes) -> Call[models.ObjectAnswer]:
    """An escrow, payment request, ballot …"""
    return get(f"/v1/objects/{identity.hex()}", models.ObjectAnswer)


def object_history(
    identity: bytes, *, cursor: str = "", limit: int | None = None
) -> Call[models.HistoryPage]:
    """What concerned an object, newest first."""
    path = f"/v1/objects/{identity.hex()}/history"
    return get(path, models.HistoryPage, cursor=cursor, limit=limit)


def account(name: str, *, consistent: bool = False) -> Call[models.AccountAnswer]:
    """One account, such as ``LEI/avail``; one that was never used stands at zero.

    A ``consistent`` answer reflects all that any node had answered as final before the call.
    """
    return get(
        f"/v1/accounts/{urllib.parse.quote(name)}",
        models.AccountAnswer,
        consistent="true" if consistent else None,
    )


def account_history(
    name: str, *, cursor: str = "", limit: int | None = None
) -> Call[models.AccountPage]:
    """An account's postings, newest first."""
    path = f"/v1/accounts/{urllib.parse.quote(name)}/history"
    return get(path, models.AccountPage, cursor=cursor, limit=limit)


def operations() -> Call[models.DeclarationsAnswer]:
    """Every operation that a transaction may carry, with its JSON Schema."""
    return get("/v1/operations", models.DeclarationsAnswer)


def supply() -> Call[models.SupplyAnswer]:
    """What each state has issued and redeemed, and its reserve."""
    return get("/v1/supply", models.SupplyAnswer)


def state_proof(table: str, parts: Sequence[str | int | bytes]) -> Call[bytes]:
    """The proof of a record of the state, or of its absence (``ledger.proof``)."""
    return get_bytes(f"/v1/proofs/state/{quoted(table)}", part=[_part(part) for part in parts])


def inclusion_proof(height: int, index: int) -> Call[bytes]:
    """The self-contained receipt at a place: as :func:`receipt_file`, for deadlines too."""
    return get_bytes("/v1/proofs/inclusion", height=height, index=index)


def extension_proof(since: int) -> Call[bytes]:
    """The proof that today's ledger extends the one whose newest block was ``since``."""
    return get_bytes("/v1/proofs/consistency", **{"from": since})


def _part(part: str | int | bytes) -> str:
    if isinstance(part, str):
        return f"s:{part}"
    return f"i:{part}" if isinstance(part, int) else f"x:{part.hex()}"
