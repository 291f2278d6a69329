"""A node's key files: made once, closed to others, never guessed around."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from ledger.errors import CodedError
from node import identity

PARTY = "5493001KJTIIGC8Y1R12"


def make(home: Path, password: bytes | None = None) -> identity.NodeIdentity:
    return identity.create(home, name="g0", party=PARTY, password=password)


def test_what_was_made_is_what_is_read_and_only_its_owner_can(tmp_path: Path) -> None:
    made = make(tmp_path)
    again = identity.load(tmp_path)
    assert (again.vote_key.public, again.certificate) == (made.vote_key.public, made.certificate)
    for file in (tmp_path / "keys").iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_vote_key_and_tls_key_are_different_keys(tmp_path: Path) -> None:
    made = make(tmp_path)
    assert made.vote_key.public not in made.certificate


def test_keys_are_never_overwritten(tmp_path: Path) -> None:
    made = make(tmp_path)
    with pytest.raises(CodedError, match="never overwritten"):
        make(tmp_path)
    assert identity.load(tmp_path).vote_key.public == made.vote_key.public


@pytest.mark.parametrize("file", ["vote.key", "tls.key"])
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_key_file_open_to_others_is_refused(tmp_path: Path, file: str, mode: int) -> None:
    make(tmp_path)
    (tmp_path / "keys" / file).chmod(mode)
    with pytest.raises(CodedError, match="chmod 600") as caught:
        identity.load(tmp_path)
    assert caught.value.code.name == "BAD_KEY_FILE"


@pytest.mark.parametrize("file", ["vote.key", "tls.key", "tls.crt"])
def test_a_missing_or_damaged_file_is_named(tmp_path: Path, file: str) -> None:
    make(tmp_path)
    path = tmp_path / "keys" / file
    if file != "tls.key":  # OpenSSL reads that one, when the contexts are made
        path.write_bytes(b"garbage")
        with pytest.raises(CodedError, match=file):
            identity.load(tmp_path)
    path.unlink()
    with pytest.raises(CodedError, match=file):
        identity.load(tmp_path)


def test_a_vote_key_whose_halves_differ_is_refused(tmp_path: Path) -> None:
    make(tmp_path)
    path = tmp_path / "keys" / "vote.key"
    document = json.loads(path.read_text())
    path.write_text(json.dumps(document | {"seed": "11" * 32}))
    with pytest.raises(CodedError, match="halves"):
        identity.load(tmp_path)


def test_an_encrypted_vote_key_opens_with_its_password_alone(tmp_path: Path) -> None:
    made = make(tmp_path, b"correct horse")
    assert made.vote_key.seed().hex() not in (tmp_path / "keys" / "vote.key").read_text()
    assert identity.is_encrypted(tmp_path)
    assert identity.load(tmp_path, b"correct horse").vote_key.public == made.vote_key.public
    with pytest.raises(CodedError, match="password does not open"):
        identity.load(tmp_path, b"battery staple")
    with pytest.raises(CodedError, match="encrypted"):
        identity.load(tmp_path)


def test_a_key_file_cannot_demand_unbounded_work(tmp_path: Path) -> None:
    make(tmp_path, b"pw")
    path = tmp_path / "keys" / "vote.key"
    document = json.loads(path.read_text())
    document["kdf"]["memory"] = 2**40
    path.write_text(json.dumps(document))
    with pytest.raises(CodedError, match="more work"):
        identity.load(tmp_path, b"pw")


def test_a_password_file_is_read_without_its_line_break_and_must_be_private(
    tmp_path: Path,
) -> None:
    file = tmp_path / "password"
    file.touch(mode=0o600)
    file.write_bytes(b"secret \r\n")
    assert identity.read_password(file) == b"secret "
    file.chmod(0o644)
    with pytest.raises(CodedError, match="open to other users"):
        identity.read_password(file)


def test_a_pipe_in_place_of_a_key_is_refused_at_once(tmp_path: Path) -> None:
    make(tmp_path)
    path = tmp_path / "keys" / "vote.key"
    path.unlink()
    os.mkfifo(path, 0o600)
    with pytest.raises(CodedError, match="regular"):
        identity.load(tmp_path)
