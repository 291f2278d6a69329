"""A profile says where the ledger and the keys are, and commands find the right one."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from cli import profile
from cli.profile import Profile
from ledger.errors import CodedError


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("IIC_CONFIG_DIR", str(tmp_path))
    monkeypatch.delenv("IIC_PROFILE", raising=False)
    return tmp_path


def sample(name: str) -> Profile:
    return Profile(
        name,
        ("http://127.0.0.1:8080", "http://127.0.0.1:8081"),
        Path("/var/lib/iic/genesis"),
        "529900T8BM49AURSDO55",
        Path("/home/me/k"),
        None,
        'Ural "Gear"',
    )


def test_what_was_saved_is_loaded(config: Path) -> None:
    path = profile.save(sample("ural"))
    assert profile.load("ural") == sample("ural")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_only_profile_needs_no_name() -> None:
    profile.save(sample("ural"))
    assert profile.load().name == "ural"


def test_of_two_profiles_none_is_guessed() -> None:
    profile.save(sample("ural"))
    profile.save(sample("volga"))
    assert profile.load() == Profile("")


def test_the_environment_beats_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    profile.save(sample("ural"))
    profile.save(sample("volga"))
    profile.use("ural")
    assert profile.load().name == "ural"
    monkeypatch.setenv("IIC_PROFILE", "volga")
    assert profile.load().name == "volga"
    assert profile.load("ural").name == "ural"


def test_a_removed_profile_is_no_default_any_more() -> None:
    profile.save(sample("ural"))
    profile.use("ural")
    profile.remove("ural")
    assert profile.names() == [] and profile.load() == Profile("")


def test_an_unknown_profile_names_those_there_are() -> None:
    profile.save(sample("ural"))
    with pytest.raises(CodedError) as error:
        profile.load("ob")
    assert error.value.code.name == "BAD_PROFILE" and "ural" in error.value.message


@pytest.mark.parametrize("name", ["", "../etc", "A", "a/b", "x" * 65])
def test_names_cannot_leave_the_directory(name: str) -> None:
    with pytest.raises(CodedError):
        profile.save(Profile(name))


@pytest.mark.parametrize(
    "text", ["nodes = 1", 'nodes = ["a", 2]', "party = 5", "=", "\x00", "nodes = [["]
)
def test_a_damaged_profile_is_refused_with_a_code(config: Path, text: str) -> None:
    (config / "profiles").mkdir()
    (config / "profiles" / "bad.toml").write_text(text)
    with pytest.raises(CodedError) as error:
        profile.load("bad")
    assert error.value.code.name == "BAD_PROFILE"


def test_what_is_missing_says_how_to_give_it() -> None:
    with pytest.raises(CodedError) as error:
        Profile("ural").require_genesis()
    assert "--genesis FILE" in error.value.message
    with pytest.raises(CodedError) as error:
        Profile("").require_nodes()
    assert "--node URL" in error.value.message
