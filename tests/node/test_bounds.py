"""Every queue and cache of a node has a bound that holds, and stands in docs/operate/bounds.md."""

from __future__ import annotations

import ast
import asyncio
import re
from dataclasses import fields
from pathlib import Path

import httpx
from serving import served
from single_node import SingleNode, demo_genesis

from node import limits
from node.api.guard import ApiMetrics
from node.api.settings import ApiSettings
from node.explorer.sessions import MOST, Sessions
from node.joining.serving import SnapshotServer
from node.messages import Batch, SnapshotOffer, SnapshotRequest
from node.metrics import NodeMetrics
from node.replica.boundary import KEPT, Boundary
from node.replica.config import ReplicaConfig
from node.replica.effects import Submission, SubmissionStatus
from node.replica.mempool import BatchPool, PooledBatch, Submissions

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "docs" / "operate" / "bounds.md"
NOT_A_NODE = {"sim", "model"}
"""Parts of ``node`` that no node runs."""
QUEUES = {"deque", "OrderedDict", "PriorityQueue", "Queue", "lru_cache"}


def rows() -> list[list[str]]:
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    cells = [
        [c.strip() for c in line.strip("|").split("|")] for line in lines if "| `node/" in line
    ]
    assert len(cells) > 20 and all(len(row) == 6 for row in cells)
    return cells


def quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def kept_queues() -> set[str]:
    """The modules in which an object keeps a queue or a bounded cache."""
    found = set()
    for path in (ROOT / "node").rglob("*.py"):
        if NOT_A_NODE & set(path.relative_to(ROOT / "node").parts):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            makes = [
                call
                for call in ast.walk(node)
                if isinstance(call, ast.Call)
                and getattr(call.func, "id", getattr(call.func, "attr", "")) in QUEUES
            ]
            is_kept = isinstance(node, ast.Assign | ast.AnnAssign) and any(
                isinstance(target, ast.Attribute)
                for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
            )
            is_cache = isinstance(node, ast.FunctionDef) and any(
                isinstance(d, ast.Call) and getattr(d.func, "id", "") in QUEUES
                for d in node.decorator_list
            )
            if (is_kept and makes) or is_cache:
                found.add(path.relative_to(ROOT).as_posix())
    return found


def test_every_queue_of_the_code_is_in_the_table() -> None:
    assert kept_queues() - {place for row in rows() for place in quoted(row[1])} == set()


def test_every_bound_of_the_table_is_there() -> None:
    known = {field.name for field in fields(ApiSettings)} | set(ReplicaConfig._fields)
    known |= set(vars(limits))
    for row in rows():
        [place] = quoted(row[1])
        source = (ROOT / place).read_text(encoding="utf-8")
        for bound in quoted(row[2]):
            assert bound in known or re.search(rf"^{bound}\b.*=", source, re.M), (place, bound)


def test_every_metric_of_the_table_is_measured() -> None:
    measured = NodeMetrics()
    ApiMetrics(measured.registry)
    families = {family.name for family in measured.registry.collect()}
    assert {m for row in rows() for m in quoted(row[4])} <= families


def test_every_flood_of_the_table_is_a_test() -> None:
    for row in rows():
        for place in quoted(row[5]):
            assert (ROOT / place).is_file(), place


def test_logins_never_outgrow_their_bound() -> None:
    sessions = Sessions(b"c" * 32)
    first = sessions.ask("")[1]
    for _ in range(3 * MOST):
        sessions.ask("")
    assert len(sessions._asked._values) == len(sessions._codes._values) == MOST
    assert sessions._asked.get(first) is None


def test_refusals_remembered_and_room_for_clients_are_bounded() -> None:
    config = ReplicaConfig(refusals_remembered=50, pending_transactions=10, pending_bytes=1_000)
    kept = Submissions(config)
    for number in range(500):
        kept.refuse(Submission(number.to_bytes(32, "big"), SubmissionStatus.REFUSED))
    assert len(kept._refused) == 50
    assert not kept.has_room([b""] * 11)
    assert not kept.has_room([bytes(1_001)])


def test_one_authors_batches_leave_the_others_their_room() -> None:
    config = ReplicaConfig(pool_bytes_per_author=10_000)
    pool = BatchPool(config)
    taken = 0
    for number in range(100):
        batch = Batch(0, 0, (number.to_bytes(1_000, "big"),), bytes(64))
        if pool.has_room(batch, wanted=False):
            pool.checking(PooledBatch(number.to_bytes(32, "big"), batch))
            taken += 1
    assert taken == 10
    assert pool.has_room(Batch(0, 1, (bytes(1_000),), bytes(64)), wanted=False)
    for number in range(5_000):
        digest = number.to_bytes(32, "big")
        pool.checking(PooledBatch(digest, Batch(0, 2, (b"x",), bytes(64))))
        pool.reject(digest)
    assert len(pool._rejected) == 1_000


def test_messages_of_a_coming_epoch_are_bounded() -> None:
    node = SingleNode(demo_genesis())
    boundary = Boundary(node.store, pause_ms=1_000)
    asked = sum(boundary.early(1, None, 0) for _ in range(10 * KEPT))  # type: ignore[arg-type]
    assert asked == 1, "and it asks for blocks once, not once for each"
    assert len(boundary.begin_epoch()) == KEPT


async def test_a_newcomers_requests_beyond_its_turn_are_dropped(tmp_path: Path) -> None:
    node = SingleNode(demo_genesis())
    answered: list[int] = []
    server = SnapshotServer(tmp_path, node.store, lambda peer, message: answered.append(peer))
    for _ in range(1_000):
        server.handle(1, SnapshotRequest(0))
    server.handle(2, SnapshotRequest(0))
    server.handle(1, SnapshotOffer(b""))
    async with asyncio.timeout(10):
        while len(answered) < limits.PART_REQUESTS_WAITING + 1:
            await asyncio.sleep(0.01)
    await server.close()
    assert answered.count(1) == limits.PART_REQUESTS_WAITING and answered.count(2) == 1


async def test_files_being_gathered_are_bounded_and_the_next_is_told_when_to_come_back() -> None:
    node = SingleNode(demo_genesis())
    for _ in range(1_200):
        node.produce()
    settings = ApiSettings(max_downloads=1)
    async with served(node, settings) as url, httpx.AsyncClient(timeout=30) as http:
        wanted = f"{url}/en/blocks?download=blocks.csv"
        answers = await asyncio.gather(*(http.get(wanted) for _ in range(4)))
        codes = sorted(answer.status_code for answer in answers)
        assert codes == [200, 429, 429, 429]
        assert all(a.headers["retry-after"] == "5" for a in answers if a.status_code == 429)
        assert (await http.get(wanted)).status_code == 200
