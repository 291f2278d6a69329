"""Objects with a life of their own: what they are, whom they wait for, what happened to them."""

from __future__ import annotations

from typing import Any

import httpx
from ledger_in_memory import lei
from single_node import PAYEE, PAYER, THIRD, SingleNode

from contracts.currency.operations import OpenEscrow, ReleaseEscrow
from contracts.framework.calendar import MS_PER_DAY
from contracts.framework.fields import fields_of
from contracts.framework.party import Standing
from ledger.codec import Struct
from node.api.describe import Describer, events_by_name


async def do(node: SingleNode, wire: bytes) -> bytes:
    """A transaction in a block of its own; its id."""
    [answer] = await node.submit([wire])
    assert answer.status == "pending", answer
    node.produce()
    assert answer.id is not None
    assert node.status(answer.id).status == "final", node.status(answer.id)
    return answer.id


async def open_escrow(node: SingleNode, http: httpx.AsyncClient) -> tuple[str, bytes]:
    """An escrow of the payer for the payee, decided by the third: its id, its transaction."""
    wire = node.signed(
        PAYER,
        OpenEscrow(
            payee=lei(PAYEE),
            amount=250_000,
            signer=lei(THIRD),
            condition="bill of lading",
            expires=node.head().time + 30 * MS_PER_DAY,
        ),
    )
    identity = await do(node, wire)
    body = (await http.get(f"/v1/transactions/{identity.hex()}")).json()
    [event] = body["receipt"]["events"]
    assert event["name"] == "currency.EscrowOpened"
    assert event["shown"]["amount"] == "2,500.00"
    return event["fields"]["escrow"], identity


async def test_an_escrow_is_told_with_state_limit_and_who_acts(
    node: SingleNode, http: httpx.AsyncClient
) -> None:
    escrow, _ = await open_escrow(node, http)
    body = (await http.get(f"/v1/objects/{escrow}")).json()
    assert (body["machine"], body["state"], body["ended"]) == ("escrow", "held", False)
    assert body["awaits"] == [lei(THIRD)]
    assert {"release", "refund", "expire"} <= set(body["events"])
    assert body["fields"]["amount"] == 250_000
    assert body["shown"]["amount"] == "2,500.00"
    assert body["due"]["ms"] == body["fields"]["due"]
    assert body["names"][lei(THIRD)] == THIRD


async def test_what_waits_for_a_party_is_on_its_list_and_on_no_other(
    node: SingleNode, http: httpx.AsyncClient
) -> None:
    escrow, _ = await open_escrow(node, http)
    lists = {}
    for name in (PAYER, PAYEE, THIRD):
        for everything in ("false", "true"):
            path = f"/v1/parties/{lei(name)}/todo"
            body = (await http.get(path, params={"all": everything})).json()
            lists[name, everything] = [item["id"] for item in body["items"]]
    assert lists[THIRD, "false"] == [escrow]
    assert lists[PAYER, "false"] == lists[PAYEE, "false"] == []
    assert all(lists[name, "true"] == [escrow] for name in (PAYER, PAYEE, THIRD))


async def test_a_long_list_of_things_to_do_is_paged_completely(
    node: SingleNode, http: httpx.AsyncClient
) -> None:
    opened = {(await open_escrow(node, http))[0] for _ in range(3)}
    seen: list[str] = []
    cursor = ""
    while True:
        params: dict[str, str | int] = {"limit": 1, "cursor": cursor}
        body = (await http.get(f"/v1/parties/{lei(THIRD)}/todo", params=params)).json()
        seen += [item["id"] for item in body["items"]]
        cursor = body["next"]
        if not cursor:
            break
    assert sorted(seen) == sorted(opened)


async def test_an_objects_history_runs_back_to_its_opening(
    node: SingleNode, http: httpx.AsyncClient
) -> None:
    escrow, opened = await open_escrow(node, http)
    released = await do(node, node.signed(THIRD, ReleaseEscrow(bytes.fromhex(escrow))))
    body = (await http.get(f"/v1/objects/{escrow}/history")).json()
    assert [entry["id"] for entry in body["entries"]] == [released.hex(), opened.hex()]
    assert (await http.get(f"/v1/objects/{escrow}")).json()["ended"] is True


async def test_a_deadline_that_fires_is_told_in_block_history_and_account(
    node: SingleNode, http: httpx.AsyncClient
) -> None:
    escrow, opened = await open_escrow(node, http)
    height = node.produce(after=31 * MS_PER_DAY).height
    rows = (await http.get(f"/v1/blocks/{height}/transactions")).json()["rows"]
    mine = [row for row in rows if row["receipt"]["postings"]]
    assert [row["receipt"]["kind"] for row in mine] == ["deadline"]
    assert mine[0]["operations"] == []
    history = (await http.get(f"/v1/objects/{escrow}/history")).json()["entries"]
    assert [entry["id"] for entry in history] == [mine[0]["id"], opened.hex()]
    account = (await http.get(f"/v1/accounts/{lei(PAYER)}/held/history")).json()
    assert [entry["kind"] for entry in account["entries"]] == ["deadline", "transaction"]
    assert account["account"]["balance"]["amount"] == 0
    party = (await http.get(f"/v1/parties/{lei(PAYER)}/history")).json()["entries"]
    assert [entry["id"] for entry in party] == [mine[0]["id"], opened.hex()]


def test_every_declared_event_can_be_told() -> None:
    for name, event in events_by_name().items():
        assert fields_of(event) is not None, name


class Open(Struct, tag=1):
    """A record with a field of no declared kind, as a ballot has."""

    id: bytes
    state: Standing
    terms: tuple[Any, ...]


def test_a_record_of_undeclared_values_is_told_by_its_shape(node: SingleNode) -> None:
    record = Open(b"\x01", Standing.APPLIED, ("grant", b"\x02", (3, None)))
    with node.store.snapshot() as reader:
        fields, shown = Describer(reader, node.chain_id).fields(record)
    assert fields == {"id": "01", "state": "applied", "terms": ["grant", "02", [3, None]]}
    assert shown == {}
