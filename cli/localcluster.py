"""A cluster of nodes on this machine: real processes, sockets and disks under one folder.

Used by ``iic demo``, ``iic bench`` and the end-to-end tests. Each node is its own process with its
own keys, made by the same steps as in a real ceremony (:mod:`cli.ceremony`).
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import cli
from cli import calls, ceremony
from cli.ceremony import Definition, Member
from cli.client import Client
from cli.output import Exit, Failure
from contracts.genesis import ApplicationGenesis
from ledger.errors import CodedError
from ledger.genesis import Genesis
from ledger.genesis import load as load_genesis
from node import identity
from node.api.models import NodeView
from node.config import Home

_ROOT = Path(cli.__file__).parents[1]
POLL_SECONDS = 0.05
LOG = "node.log"


class LocalNode:
    """One node: its home, addresses, and its process while it runs."""

    def __init__(self, name: str, home: Home, peers_at: str, api_at: str) -> None:
        self.name = name
        self.home = home
        self.peers_at = peers_at
        self.url = f"http://{api_at}"
        self.program: tuple[str, ...] = ("-m", "cli.main")
        """What the interpreter runs: this release, or another one's entry point."""
        self.prefix: tuple[str, ...] = ()
        """What starts the interpreter, such as a command that enters a network namespace."""
        self.environment: dict[str, str] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None
        self._client: Client | None = None

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self.is_running and self._process else None

    @property
    def is_running(self) -> bool:
        """Whether the process has been started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> Path:
        """Where the node's log goes."""
        return self.home.path / LOG

    def start(self, *, attached: bool = True) -> None:
        """Start the process. An ``attached`` node ends with this process, however that ends."""
        assert not self.is_running, f"{self.name} runs already"
        self._log = self.log.open("ab")
        command = [*self.prefix, sys.executable, "-P", *self.program, "node", "run"]
        self._process = subprocess.Popen(  # noqa: S603  # our own interpreter and module
            [
                *command,
                "--home",
                str(self.home.path.absolute()),
                *(["--attached"] if attached else []),
            ],
            stdin=subprocess.PIPE if attached else subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            env=os.environ | {"PYTHONPATH": str(_ROOT)} | self.environment,
            start_new_session=True,
        )

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to the process, if it runs."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def kill(self) -> None:
        """End the process as a power cut would, and wait until it is gone."""
        self.send_signal(signal.SIGKILL)
        self.wait()

    def stop(self) -> int | None:
        """Stop the process gracefully; returns its exit status."""
        self.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self, seconds: float = 20.0) -> int | None:
        """Wait for the end of the process; one that does not end in time is killed."""
        process = self._process
        if process is None:
            return None
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            status = process.wait()
        if process.stdin is not None:
            process.stdin.close()
        if self._log is not None:
            self._log.close()
        if self._client is not None:
            self._client.close()
        self._process = self._log = self._client = None
        return status

    def view(self) -> NodeView | None:
        """What the node says of itself; None if it does not answer."""
        if self._client is None:  # kept: making one costs more than asking
            self._client = Client(self.url, patience_s=0.0, timeout_s=2.0)
        try:
            return self._client.do(calls.node())
        except CodedError:
            return None


class LocalCluster:
    """The nodes and the genesis they share. A context manager that stops every node."""

    def __init__(self, folder: Path, nodes: Sequence[LocalNode], genesis: Genesis) -> None:
        self.folder = folder
        self.nodes = tuple(nodes)
        self.genesis = genesis

    @classmethod
    def prepare(
        cls,
        folder: Path,
        members: Sequence[tuple[str, str, str]],
        application: ApplicationGenesis,
        *,
        network: str,
        host: str = "127.0.0.1",
        api_ports: Sequence[int] = (),
        time_ms: int | None = None,
        **settings: Any,
    ) -> LocalCluster:
        """Make keys, homes and an approved genesis for ``members`` (name, LEI, country).

        ``api_ports`` are used in order where given, free ones otherwise; ``settings`` go into
        every ``node.toml``.
        """
        ports = iter(_free_ports(host, 2 * len(members)))
        nodes = []
        for index, (name, party, country) in enumerate(members):
            api_port = api_ports[index] if index < len(api_ports) else next(ports)
            node = LocalNode(
                name, Home(folder / name), f"{host}:{next(ports)}", f"{host}:{api_port}"
            )
            ceremony.init(
                node.home,
                Member(name, party, country, node.peers_at),
                listen=node.peers_at,
                api=f"{host}:{api_port}",
                **settings,
            )
            nodes.append(node)
        file = ceremony.collect(
            Definition(network, time_ms, application),
            ceremony.read_cards([node.home.card for node in nodes]),
        )
        for node in nodes:
            file = ceremony.approve(file, identity.load(node.home.path))
        for node in nodes:
            ceremony.install(file, node.home)
        ceremony.write(file, folder / "genesis.json")
        return cls(folder, nodes, file.genesis)

    @property
    def genesis_file(self) -> Path:
        """The genesis file that anyone may hold to verify receipts."""
        return self.folder / "genesis.json"

    @property
    def urls(self) -> tuple[str, ...]:
        """The nodes' APIs."""
        return tuple(node.url for node in self.nodes)

    def start(self, *, attached: bool = True) -> None:
        """Start every node that does not run."""
        for node in self.nodes:
            if not node.is_running:
                node.start(attached=attached)

    def stop(self) -> None:
        """Stop every node, all at once."""
        for node in self.nodes:
            node.send_signal(signal.SIGTERM)
        for node in self.nodes:
            node.wait()

    def wait_for_height(self, height: int, *, seconds: float = 30.0) -> None:
        """Wait until every running node has committed ``height``."""

        def reached() -> bool:
            views = [node.view() for node in self.nodes if node.is_running]
            return all(view is not None and view.head.block >= height for view in views)

        self.wait_until(reached, f"height {height}", seconds=seconds)

    def wait_until(
        self, condition: Callable[[], bool], what: str, *, seconds: float = 30.0
    ) -> None:
        """Wait for a condition; raises with the last log lines if a node ended or time is up."""
        deadline = time.monotonic() + seconds
        while not condition():
            ended = [n.name for n in self.nodes if n._process is not None and not n.is_running]
            if ended or time.monotonic() > deadline:
                why = f"{', '.join(ended)} ended" if ended else f"not within {seconds:.0f} s"
                raise Failure(
                    "CLUSTER_FAILED",
                    f"waited for {what}: {why}",
                    Exit.LOCAL,
                    details={node.name: _last_line(node.log) for node in self.nodes},
                )
            time.sleep(POLL_SECONDS)

    def __enter__(self) -> LocalCluster:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def open_cluster(folder: Path) -> LocalCluster:
    """A cluster that :meth:`LocalCluster.prepare` made earlier, none of its nodes running."""
    from node import config as configuration

    nodes = []
    for home in sorted(Home(path.parent) for path in folder.glob(f"*/{configuration.FILE}")):
        settings = configuration.load(home)
        nodes.append(LocalNode(settings.name, home, settings.listen, settings.api))
    return LocalCluster(folder, nodes, load_genesis(folder / "genesis.json"))


def _free_ports(host: str, count: int) -> list[int]:
    """Ports that were free a moment ago, all different."""
    with ExitStack() as held:
        found = []
        for _ in range(count):
            probe = held.enter_context(socket.create_server((host, 0)))
            found.append(int(probe.getsockname()[1]))
        return found


def _last_line(path: Path) -> str:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return lines[-1] if lines else ""
