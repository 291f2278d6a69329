"""The unlock agent signs transactions for its user while its time lasts, and nothing else."""

from __future__ import annotations

import json
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli import agent
from cli.keystore import Kdf, Keystore
from ledger.errors import CodedError
from ledger.keys import PrivateKey, verify
from ledger.transaction import signing_bytes

CHAIN = bytes(range(32))


@pytest.fixture
def keystore(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("IIC_RUNTIME_DIR", str(tmp_path / "run"))
    path = tmp_path / "k"
    keys = {"director": PrivateKey(b"d" * 32), "clerk": PrivateKey(b"c" * 32)}
    Keystore.create(path, "a password", keys, kdf=Kdf(1, 8192))
    return path


@pytest.fixture
def running(keystore: Path) -> Iterator[agent.Agent]:
    client = agent.start(keystore, Keystore.open(keystore, "a password").keys(), 60)
    yield client
    if agent.find(keystore) is not None:
        client.lock()


def gone(keystore: Path) -> bool:
    """Wait for the agent's own end: its socket is closed when the connection is refused."""
    while agent.find(keystore) is not None:
        pass
    return True


def test_it_signs_with_the_key_that_was_asked_for(running: agent.Agent) -> None:
    public = PrivateKey(b"c" * 32).public
    signature = running.sign(public, CHAIN, b"content")
    assert verify(public, signing_bytes(CHAIN, b"content"), signature)


def test_a_later_command_finds_it_by_the_keystore(running: agent.Agent, keystore: Path) -> None:
    found = agent.find(keystore)
    assert found is not None
    assert found.keys() == {
        "director": PrivateKey(b"d" * 32).public,
        "clerk": PrivateKey(b"c" * 32).public,
    }
    assert 0 < found.seconds_left() <= 60


def test_another_keystore_has_no_agent(running: agent.Agent, tmp_path: Path) -> None:
    assert agent.find(tmp_path / "other") is None


def test_lock_ends_it(running: agent.Agent, keystore: Path) -> None:
    running.lock()
    assert gone(keystore)


def test_it_ends_by_itself(keystore: Path) -> None:
    agent.start(keystore, {"k": PrivateKey(b"k" * 32)}, 1)
    assert gone(keystore)
    with pytest.raises(CodedError):
        agent.Agent(agent.socket_path(keystore)).keys()


def test_its_socket_is_private(running: agent.Agent, keystore: Path) -> None:
    path = agent.socket_path(keystore)
    assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_directory_that_others_reach_is_not_used(keystore: Path) -> None:
    directory = agent.socket_path(keystore).parent
    directory.mkdir(mode=0o755)
    directory.chmod(0o755)
    with pytest.raises(CodedError) as error:
        agent.start(keystore, {}, 60)
    assert error.value.code.name == "AGENT_PROBLEM"


def test_no_request_returns_a_seed(running: agent.Agent, keystore: Path) -> None:
    for request in (
        b'{"do": "keys"}',
        b'{"do": "export"}',
        b'{"do": "sign"}',
        b"[]",
        b"\xff",
        b'{"do": "sign", "key": "zz"}',
    ):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(agent.socket_path(keystore)))
            connection.sendall(request + b"\n")
            answer = connection.makefile("rb").readline()
        assert (b"d" * 32).hex().encode() not in answer
        json.loads(answer)
    assert running.keys()


@pytest.mark.parametrize("seconds", [0, -1, 24 * 3600 + 1])
def test_the_time_is_bounded(keystore: Path, seconds: int) -> None:
    with pytest.raises(CodedError):
        agent.start(keystore, {}, seconds)


def test_without_a_session_directory_it_finds_a_private_place_and_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    monkeypatch.delenv("IIC_RUNTIME_DIR", raising=False)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert agent.find(tmp_path / "k") is None
    assert agent.socket_path(tmp_path / "k").is_relative_to(tmp_path)
    assert not recwarn.list
