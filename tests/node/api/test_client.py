"""The commands' client against real nodes on real sockets."""

from __future__ import annotations

import asyncio
import socket

import pytest
from ledger_in_memory import lei
from serving import served
from single_node import PAYEE, PAYER, SingleNode, demo_genesis

from cli import calls
from cli.client import AsyncClient, Client
from cli.plans import refusal
from contracts.accounts import AVAIL
from ledger import proof
from ledger.errors import CodedError


def nowhere() -> str:
    """A URL at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


async def test_the_blocking_client_pays_waits_and_verifies(node: SingleNode) -> None:
    node.auto = True
    wire = node.pay(PAYER, PAYEE, 150_000)

    def use(url: str) -> None:
        with Client([nowhere(), url]) as client:
            assert client.do(calls.node()).network == "test"
            assert client.url == url
            [paid] = client.submit([wire], wait_s=5)
            assert (paid.status, paid.height) == ("final", 1)
            assert paid.id is not None
            content = client.do(calls.receipt_file(bytes.fromhex(paid.id)))
            assert proof.verify(proof.read(content), node.genesis).receipt.applied
            account = client.do(calls.account(AVAIL.of(lei(PAYEE)))).account
            assert account.balance.text == "11,500.00"
            page = client.do(calls.account_history(AVAIL.of(lei(PAYEE))))
            assert [entry.id for entry in page.entries] == [paid.id]
            assert client.wait_final([bytes.fromhex(paid.id)], wait_s=5) == [paid]
            proven = proof.read(client.do(calls.state_proof("party", [lei(PAYER)])))
            assert isinstance(proven, proof.ProvenState)
            proof.verify_state(proven, node.genesis)
            extension = proof.read(client.do(calls.extension_proof(0)))
            assert isinstance(extension, proof.ProvenExtension)
            names = [one.name for one in client.do(calls.operations()).operations]
            assert "currency.Transfer" in names

    async with served(node) as url:
        await asyncio.to_thread(use, url)


async def test_a_refusal_keeps_the_nodes_code(node: SingleNode) -> None:
    node.auto = True
    async with served(node) as url, AsyncClient(url) as client:
        [refused] = await client.submit([node.pay(PAYER, PAYEE, 99_999_999)], wait_s=5)
        error = refusal(refused)
        assert error is not None
        assert error.code.name == "INSUFFICIENT_FUNDS"
        with pytest.raises(CodedError) as missing:
            await client.do(calls.party(lei("Nobody")))
        assert missing.value.code.name == "NO_SUCH_RESOURCE"


async def test_a_payment_that_a_lost_node_forgot_is_made_at_the_next() -> None:
    """The first node takes the bytes and stops before a block; the second has the same ledger."""
    first, second = SingleNode(demo_genesis()), SingleNode(demo_genesis(), auto=True)
    wire = first.pay(PAYER, PAYEE, 5)
    async with served(second) as other:
        async with served(first) as url:
            client = AsyncClient([url, other])
            [taken] = await client.submit([wire])
            assert taken.status == "pending"
            waiting = asyncio.ensure_future(client.submit([wire], wait_s=10))
        [paid] = await waiting
        assert (paid.status, paid.height) == ("final", 1)
        await client.close()


async def test_nobody_there_is_said_so() -> None:
    async with AsyncClient([nowhere(), nowhere()], patience_s=0.0) as client:
        with pytest.raises(CodedError) as error:
            await client.do(calls.node())
    assert error.value.code.name == "NODE_UNREACHABLE"
