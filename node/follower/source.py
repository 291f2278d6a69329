"""One peer that is followed, over its public API: every answer bounded in size and in time."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

import httpx
import msgspec

from ledger import segment
from ledger.codec import decode
from ledger.errors import CodedError
from ledger.evidence import DoubleVote
from ledger.segment import Segment
from node import limits


class Unreachable(Exception):
    """The peer did not answer, not in time, or answered that it cannot serve now."""


class Nonsense(Exception):
    """The peer answered what no node answers."""


class About(NamedTuple):
    """Who a peer says it is."""

    name: str
    chain_id: bytes


class Source:
    """A peer by the base URL of its API. Used on one event loop."""

    def __init__(self, url: str, http: httpx.AsyncClient) -> None:
        self.url = url.rstrip("/")
        self._http = http

    async def about(self) -> About:
        """The peer's name and ledger."""
        body = await self._json("/v1/node")
        try:
            return About(str(body["name"])[:64], bytes.fromhex(body["chain_id"]))
        except (KeyError, TypeError, ValueError):
            raise Nonsense("it does not say who it is") from None

    async def segment(
        self,
        start: int,
        *,
        blocks: int = segment.MAX_BLOCKS,
        content: bool = True,
        wait_s: float = 0.0,
    ) -> Segment:
        """Final blocks from a height on, decoded and not verified."""
        params = {
            "from": start,
            "blocks": blocks,
            "content": "true" if content else "false",
            "wait": wait_s,
            "size": limits.FOLLOW_SEGMENT_BYTES,
        }
        data = await self._get("/v1/segments", params, segment.MAX_SEGMENT_BYTES, wait_s)
        try:
            found = await asyncio.to_thread(segment.read, data)
        except CodedError as error:
            raise Nonsense(f"its blocks from {start} on do not decode: {error}") from None
        heights = [block.header.height for block in found.blocks]
        expected = list(range(start, start + len(heights)))
        if heights != expected or (heights and found.height < heights[-1]):
            raise Nonsense(f"it was asked for blocks from {start} on and sent {heights[:3]} …")
        return found

    async def evidence(self) -> list[DoubleVote]:
        """What the peer says proves contradictions of guarantors; not verified."""
        body = await self._json("/v1/evidence")
        try:
            proofs = [bytes.fromhex(entry["proof"]) for entry in body["evidence"]]
            return [decode(proof, DoubleVote, limit=4_096) for proof in proofs]
        except (KeyError, TypeError, ValueError, CodedError) as error:
            raise Nonsense(f"its evidence does not decode: {error}") from None

    async def _json(self, path: str) -> Any:
        data = await self._get(path, {}, limits.FOLLOW_JSON_BYTES, 0.0)
        try:
            return msgspec.json.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise Nonsense(f"{path} is no JSON") from None

    async def _get(self, path: str, params: dict[str, Any], most: int, wait_s: float) -> bytes:
        body = bytearray()
        try:
            async with (
                asyncio.timeout(limits.FOLLOW_ANSWER_SECONDS + wait_s),
                self._http.stream("GET", self.url + path, params=params) as response,
            ):
                if response.status_code >= 500 or response.status_code == 429:
                    raise Unreachable(f"it answers {response.status_code}")
                if response.status_code != 200:
                    raise Nonsense(f"{path} is answered {response.status_code}")
                async for chunk in response.aiter_raw():
                    body += chunk
                    if len(body) > most:
                        raise Nonsense(f"the answer to {path} exceeds {most} bytes")
        except TimeoutError:
            raise Unreachable("it does not answer in time") from None
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise Unreachable(str(error) or type(error).__name__) from None
        except httpx.HTTPError as error:
            raise Nonsense(str(error) or type(error).__name__) from None
        return bytes(body)


def connections() -> httpx.AsyncClient:
    """The connections to all peers: no proxies of the environment, no redirects."""
    return httpx.AsyncClient(
        trust_env=False,
        follow_redirects=False,
        timeout=httpx.Timeout(None, connect=limits.DIAL_SECONDS),
        headers={"Accept-Encoding": "identity"},
    )
