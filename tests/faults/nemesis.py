"""What is done to the nodes: each fault as a context, from the harm to its end."""

from __future__ import annotations

import itertools
import os
import random
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from cli import calls
from cli.client import Client
from cli.localcluster import LocalCluster, LocalNode
from cli.output import Exit
from ledger.errors import CodedError
from tests.e2e.command_line import Iic
from tests.faults.cluster import clock_library, set_clock
from tests.faults.network import Namespace, Relay

HOLD_S = 3.5
_BACK_S = 180.0
_LOOK_S = 0.2
"""Between two looks at all nodes: describing itself costs a node more than a payment."""
_PAGE = 4096

Fault = Callable[[int], AbstractContextManager[None]]


class Nemesis:
    """Harms one cluster, from a seed. Where a quorum is left, it must go on meanwhile; and when a
    fault is over, every node must vote again."""

    def __init__(
        self,
        cluster: LocalCluster,
        namespaces: Sequence[Namespace],
        relay: Relay,
        scratch: Path,
        seed: int,
    ) -> None:
        self.done: list[str] = []
        self._cluster = cluster
        self._namespaces = namespaces
        self._relay = relay
        self._scratch = scratch
        self._iic = Iic(scratch / "user")
        self._draw = random.Random(seed)
        self._never = threading.Event()
        self._began = time.monotonic()
        self._all = set(itertools.permutations(range(len(cluster.nodes)), 2))

    def faults(self) -> list[Fault]:
        """Every kind of fault that this machine can make."""
        clocks: list[Fault] = [self.clock_ahead, self.clock_behind] if clock_library() else []
        return [
            self.killed,
            self.power_cut,
            self.frozen,
            self.unplugged,
            self.isolated,
            self.deaf,
            self.mute,
            self.split_in_halves,
            self.slow_network,
            self.slow_node,
            self.lossy_network,
            self.connections_cut,
            self.disk_full,
            self.pages_corrupted,
            self.old_home,
            *clocks,
        ]

    def run(self, until: float) -> None:
        """Every kind once, in random order, and again until that time of the monotonic clock."""
        while True:
            kinds = self.faults()
            self._draw.shuffle(kinds)
            for kind in kinds:
                self.strike(kind, self._draw.randrange(len(self._cluster.nodes)))
            if time.monotonic() >= until:
                return

    def strike(self, kind: Fault, victim: int) -> None:
        """One fault, its end, and the time until all is well again."""
        name = kind.__name__  # type: ignore[attr-defined]  # bound methods have one
        print(f"{time.monotonic() - self._began:6.1f} s  {name}, g{victim}", flush=True)
        with kind(victim):
            self.hold(HOLD_S)
        ended = time.monotonic()
        self.all_vote()
        print(f"          well after {time.monotonic() - ended:.1f} s", flush=True)
        self.done.append(name)

    def hold(self, seconds: float) -> None:
        """Let a fault last."""
        self._never.wait(seconds)

    def all_vote(self) -> None:
        """Wait until each node's vote is on some new final block, and each has such a block."""
        nodes, seen = self._cluster.nodes, set[int]()
        start = last = max(height(node) for node in nodes)

        def well() -> bool:
            nonlocal last
            self.hold(_LOOK_S)
            heights = [height(node) for node in nodes]
            newest = max(heights)
            try:
                with Client(nodes[heights.index(newest)].url, patience_s=0.0) as client:
                    while last < newest:
                        certificate = client.do(calls.block(last + 1)).block.certificate
                        seen.update(() if certificate is None else certificate.signers)
                        last += 1
            except CodedError:
                return False
            return len(seen) == len(nodes) and min(heights) > start

        self._cluster.wait_until(well, "every node to vote again", seconds=_BACK_S)

    @contextmanager
    def _others_go_on(self, victim: int) -> Iterator[None]:
        """Within: a quorum is left, so blocks become final."""
        others = [n for number, n in enumerate(self._cluster.nodes) if number != victim]
        before = max(height(node) for node in others)
        yield
        self._cluster.wait_until(
            lambda: max(height(node) for node in others) > before + 1, "the others to go on"
        )

    # ---------------------------------------------------------------------------- processes

    @contextmanager
    def killed(self, victim: int) -> Iterator[None]:
        """kill -9, and a restart."""
        node = self._cluster.nodes[victim]
        node.kill()
        with self._others_go_on(victim):
            yield
        node.start()

    @contextmanager
    def power_cut(self, _: int) -> Iterator[None]:
        """kill -9 of all at once."""
        for node in self._cluster.nodes:
            node.send_signal(signal.SIGKILL)
        for node in self._cluster.nodes:
            node.wait()
        self._cluster.start()
        yield

    @contextmanager
    def frozen(self, victim: int) -> Iterator[None]:
        """SIGSTOP for longer than every time-out of consensus."""
        node = self._cluster.nodes[victim]
        node.send_signal(signal.SIGSTOP)
        with self._others_go_on(victim):
            yield
        node.send_signal(signal.SIGCONT)

    # ------------------------------------------------------------------------------ network

    @contextmanager
    def unplugged(self, victim: int) -> Iterator[None]:
        """The node's cable is pulled: no peer and no client reaches it."""
        self._namespaces[victim].link("down")
        with self._others_go_on(victim):
            yield
        self._namespaces[victim].link("up")

    def isolated(self, victim: int) -> AbstractContextManager[None]:
        """No byte passes between it and its peers, while its clients still reach it."""
        return self._blocked({pair for pair in self._all if victim in pair}, victim)

    def deaf(self, victim: int) -> AbstractContextManager[None]:
        """It hears nobody, and everybody hears it."""
        return self._blocked({pair for pair in self._all if pair[1] == victim}, victim)

    def mute(self, victim: int) -> AbstractContextManager[None]:
        """It hears everybody, and nobody hears it."""
        return self._blocked({pair for pair in self._all if pair[0] == victim}, victim)

    @contextmanager
    def _blocked(self, pairs: set[tuple[int, int]], victim: int) -> Iterator[None]:
        self._relay.block(pairs)
        with self._others_go_on(victim):
            yield
        self._relay.heal()

    @contextmanager
    def split_in_halves(self, victim: int) -> Iterator[None]:
        """Two against two: neither half is a quorum, so nothing may become final."""
        half = {victim, (victim + 1) % len(self._cluster.nodes)}
        self._relay.block({pair for pair in self._all if len(half & set(pair)) == 1})
        yield
        self._relay.heal()

    @contextmanager
    def slow_network(self, _: int) -> Iterator[None]:
        """150 ms each way between all."""
        self._relay.delay(0.15, self._all)
        yield
        self._relay.heal()

    @contextmanager
    def slow_node(self, victim: int) -> Iterator[None]:
        """One node is 400 ms away from all others."""
        self._relay.delay(0.4, {pair for pair in self._all if victim in pair})
        with self._others_go_on(victim):
            yield
        self._relay.heal()

    @contextmanager
    def lossy_network(self, _: int) -> Iterator[None]:
        """One chunk in ten comes late, and with it all behind it; one in two hundred cuts."""
        self._relay.lose(0.1)
        yield
        self._relay.heal()

    @contextmanager
    def connections_cut(self, _: int) -> Iterator[None]:
        """Every connection between nodes is reset, four times."""
        for _again in range(4):
            self._relay.cut()
            self.hold(0.5)
        yield

    # --------------------------------------------------------------------------------- disk

    @contextmanager
    def disk_full(self, victim: int) -> Iterator[None]:
        """Nothing can be written any more: the node says so and stops; with room it goes on."""
        node = self._cluster.nodes[victim]
        ballast = node.home.path / "data" / "ballast"
        with ballast.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(_PAGE * 16))
            except OSError:
                pass
        process = node._process
        assert process is not None
        assert process.wait(60) == Exit.LOCAL, f"{node.name} stops when its disk is full"
        node.wait()
        assert "STORE_FULL" in node.log.read_text()
        with self._others_go_on(victim):
            yield
        ballast.unlink()
        node.start()

    @contextmanager
    def pages_corrupted(self, victim: int) -> Iterator[None]:
        """Bits flip on a stopped node's disk: a check names it, and blocks come from the peers."""
        node = self._cluster.nodes[victim]
        node.kill()
        file = node.home.ledger / "data.mdb"
        content = bytearray(file.read_bytes())
        for page in range(2, len(content) // _PAGE, 3):
            content[page * _PAGE + self._draw.randrange(_PAGE)] ^= 1 << self._draw.randrange(8)
        file.write_bytes(content)
        checked = self._iic("node", "check", "--home", node.home.path, "--json")
        assert checked.status != Exit.OK, "flipped bits are found"
        node.start()
        with self._others_go_on(victim):
            yield
        node.kill()  # unless it refused to start
        shutil.rmtree(node.home.ledger)
        node.start()

    @contextmanager
    def old_home(self, victim: int) -> Iterator[None]:
        """The disk is put back to an earlier copy: it observes until its operator activates it."""
        node = self._cluster.nodes[victim]
        data, copy = node.home.path / "data", self._scratch / f"copy-{len(self.done)}"
        node.kill()
        shutil.copytree(data, copy)
        node.start()
        self.all_vote()
        node.kill()
        for part in ("ledger", "votes"):  # the vote log is this suite's own witness: it stays
            shutil.rmtree(data / part)
            shutil.copytree(copy / part, data / part)
        said = node.log.stat().st_size
        node.start()
        with self._others_go_on(victim):
            yield
        self._cluster.wait_until(
            lambda: b"RESTORED" in node.log.read_bytes()[said:], "the node to say that it is older"
        )
        others = [n for number, n in enumerate(self._cluster.nodes) if number != victim]
        self._cluster.wait_until(
            lambda: height(node) + 1 >= max(height(other) for other in others), "it to follow"
        )
        node.stop()
        asked = [part for other in others for part in ("--node", other.url)]
        done = self._iic("node", "activate", "--home", node.home.path, *asked, "--json")
        assert done.status == Exit.OK, done.out + done.err
        node.start()

    # -------------------------------------------------------------------------------- clock

    def clock_ahead(self, victim: int) -> AbstractContextManager[None]:
        """The wall clock jumps half a minute ahead, and back."""
        return self._clock(victim, 30)

    def clock_behind(self, victim: int) -> AbstractContextManager[None]:
        """The wall clock jumps half a minute back, and ahead."""
        return self._clock(victim, -30)

    @contextmanager
    def _clock(self, victim: int, seconds: int) -> Iterator[None]:
        node = self._cluster.nodes[victim]
        set_clock(node, seconds)
        with self._others_go_on(victim):
            yield
        set_clock(node, 0)


def height(node: LocalNode) -> int:
    """What a node has committed; -1 while it does not answer."""
    view = node.view() if node.is_running else None
    return -1 if view is None else view.head.block


def seed_from_environment() -> int:
    """``SEED``, or one of the operating system's."""
    return int(os.environ.get("SEED") or int.from_bytes(os.urandom(4)))
