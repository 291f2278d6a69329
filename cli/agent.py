"""The unlock agent: a process that holds opened keys for a while, so that no command asks again.

``iic wallet unlock --for 15m`` starts ``python -m cli.agent`` detached from the terminal, hands it
the keys over its standard input and forgets them. The agent listens on a unix socket in a private
directory, answers its own user only, and ends at its time, counted by the clock that runs while
the machine sleeps. It never gives a key away, and it signs transactions only: the bytes it signs
always begin with the transaction domain tag, so an approval, a vote or a login can never be
obtained from it.

One JSON document per line, one request per connection::

    {"do": "keys"}                                     {"keys": {name: public}, "seconds": 899}
    {"do": "sign", "key": …, "chain_id": …, "content": …}     {"signature": …}
    {"do": "lock"}                                     {"locked": true}
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import resource
import socket
import stat
import struct
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import platformdirs

from cli.errors import AGENT_PROBLEM
from ledger import limits
from ledger.errors import CodedError
from ledger.hashing import HASH_BYTES
from ledger.keys import PrivateKey
from ledger.transaction import signing_bytes

MAX_SECONDS = 24 * 3600
_LINE_LIMIT = 4 * limits.MAX_TRANSACTION_BYTES
_PATIENCE_S = 5.0


class Agent:
    """The client side: how a command reaches the agent of a keystore."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def keys(self) -> dict[str, bytes]:
        """Public keys by name."""
        return {name: bytes.fromhex(key) for name, key in self._ask({"do": "keys"})["keys"].items()}

    def seconds_left(self) -> int:
        """Until the agent ends by itself."""
        return int(self._ask({"do": "keys"})["seconds"])

    def sign(self, public: bytes, chain_id: bytes, content: bytes) -> bytes:
        """The 64-byte signature over transaction content by one of the agent's keys."""
        answer = self._ask(
            {
                "do": "sign",
                "key": public.hex(),
                "chain_id": chain_id.hex(),
                "content": content.hex(),
            }
        )
        return bytes.fromhex(answer["signature"])

    def lock(self) -> None:
        """Make the agent forget its keys and end."""
        self._ask({"do": "lock"})

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(_PATIENCE_S)
                connection.connect(str(self._path))
                connection.sendall(json.dumps(request).encode() + b"\n")
                with connection.makefile("rb") as stream:
                    answer = json.loads(stream.readline(_LINE_LIMIT))
        except (OSError, ValueError) as error:
            raise CodedError(
                AGENT_PROBLEM, f"the unlock agent does not answer ({type(error).__name__})"
            ) from None
        if not isinstance(answer, dict) or "error" in answer:
            raise CodedError(AGENT_PROBLEM, f"the unlock agent refuses: {answer.get('error')}")
        return answer


def find(keystore: Path) -> Agent | None:
    """The running agent of a keystore, or None."""
    path = socket_path(keystore)
    if not path.is_socket():
        return None
    agent = Agent(path)
    try:
        agent.keys()
    except CodedError:
        return None
    return agent


def start(keystore: Path, keys: Mapping[str, PrivateKey], seconds: int) -> Agent:
    """Start an agent for ``seconds``; one that runs already for this keystore is replaced."""
    if not 1 <= seconds <= MAX_SECONDS:
        raise CodedError(
            AGENT_PROBLEM, f"keys stay unlocked for 1 second to {MAX_SECONDS // 3600} hours"
        )
    path = socket_path(keystore)
    _private_directory(path.parent)
    running = find(keystore)
    if running is not None:
        running.lock()
    process = subprocess.Popen(  # noqa: S603  # our own interpreter and module
        [sys.executable, "-m", "cli.agent", str(path), str(seconds)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd="/",
        env=_child_environment(),
    )
    assert process.stdin is not None and process.stdout is not None
    secrets = json.dumps({name: key.seed().hex() for name, key in keys.items()})
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(secrets.encode() + b"\n")
        process.stdin.close()
    if process.stdout.readline() != b"ready\n":
        process.wait()
        raise CodedError(AGENT_PROBLEM, "the unlock agent did not start")
    process.stdout.close()
    # The agent outlives this command on purpose; init collects it.
    process.returncode = 0
    return Agent(path)


def socket_path(keystore: Path) -> Path:
    """Where the agent of a keystore listens; the name is a digest, so any path fits a socket."""
    override = os.environ.get("IIC_RUNTIME_DIR")
    base = Path(override) if override else _runtime_directory()
    name = hashlib.sha256(os.fsencode(os.path.realpath(keystore))).hexdigest()[:16]
    return base / f"agent-{name}"


def _runtime_directory() -> Path:
    """The session's directory for sockets, or, where there is no session, one of this user's.

    Not in a place that everybody may write to: there another user could make it first.
    """
    if os.environ.get("XDG_RUNTIME_DIR"):
        return platformdirs.user_runtime_path("iic")
    return platformdirs.user_state_path("iic") / "run"


def _private_directory(path: Path) -> None:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = path.lstat()
    private = stat.S_ISDIR(status.st_mode) and not stat.S_IMODE(status.st_mode) & 0o077
    if not private or status.st_uid != os.getuid():
        raise CodedError(AGENT_PROBLEM, f"{path} must be a directory of this user with mode 0700")


def _child_environment() -> dict[str, str]:
    root = str(Path(__file__).resolve().parent.parent)
    known = os.environ.get("PYTHONPATH", "")
    return os.environ | {"PYTHONPATH": f"{root}{os.pathsep}{known}" if known else root}


class _Server:
    """The agent's process: keys in memory, a socket, an end."""

    def __init__(self, keys: Mapping[str, PrivateKey], seconds: int) -> None:
        self._keys = dict(keys)
        self._by_public = {key.public: key for key in self._keys.values()}
        self._until = _clock() + seconds
        self._ended = asyncio.Event()

    async def run(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        previous = os.umask(0o177)
        try:
            server = await asyncio.start_unix_server(self._serve, path, limit=_LINE_LIMIT)
        finally:
            os.umask(previous)
        async with server:
            print("ready", flush=True)
            sys.stdout.close()
            while not self._ended.is_set() and (left := self._until - _clock()) > 0:
                # Wake up now and then: a sleeping machine must not prolong the time.
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._ended.wait(), min(left, 5.0))
        self._keys.clear()
        self._by_public.clear()
        path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if _peer_user(writer) == os.getuid():
                line = await asyncio.wait_for(reader.readline(), _PATIENCE_S)
                writer.write(json.dumps(self._answer(line)).encode() + b"\n")
                await writer.drain()
        except (OSError, TimeoutError, ValueError):
            pass
        finally:
            writer.close()

    def _answer(self, line: bytes) -> dict[str, Any]:
        if _clock() >= self._until:
            self._ended.set()
            return {"error": "the time is over"}
        try:
            request = json.loads(line)
            what = request["do"]
            if what == "keys":
                return {
                    "keys": {name: key.public.hex() for name, key in self._keys.items()},
                    "seconds": int(self._until - _clock()),
                }
            if what == "sign":
                return {"signature": self._signature(request).hex()}
            if what == "lock":
                self._ended.set()
                return {"locked": True}
        except KeyError:
            return {"error": "no such key"}
        except (ValueError, TypeError, RecursionError):
            pass
        return {"error": "not a request"}

    def _signature(self, request: dict[str, str]) -> bytes:
        key = self._by_public[bytes.fromhex(request["key"])]
        chain_id = bytes.fromhex(request["chain_id"])
        if len(chain_id) != HASH_BYTES:
            raise ValueError
        return key.sign(signing_bytes(chain_id, bytes.fromhex(request["content"])))


def _clock() -> float:
    # CLOCK_BOOTTIME goes on while the machine sleeps; other systems have no such clock.
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def _peer_user(writer: asyncio.StreamWriter) -> int | None:
    connection = writer.get_extra_info("socket")
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:  # the directory's mode is the guard where the kernel names no peer
        return os.getuid()
    packed = connection.getsockopt(socket.SOL_SOCKET, option, struct.calcsize("3i"))
    user: int = struct.unpack("3i", packed)[1]
    return user


def main() -> None:
    """Read the keys from standard input and serve until the time is over."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    path, seconds = Path(sys.argv[1]), int(sys.argv[2])
    secrets = json.loads(sys.stdin.readline())
    sys.stdin.close()
    keys = {name: PrivateKey(bytes.fromhex(seed)) for name, seed in secrets.items()}
    del secrets

    async def serve() -> None:
        await _Server(keys, seconds).run(path)

    asyncio.run(serve())


if __name__ == "__main__":
    main()
