"""A node's configuration: strict, explained, overridable by the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.errors import CodedError
from node import config
from node.config import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path)
    config.write(
        made,
        name="Гарант 0",
        listen="127.0.0.1:7400",
        api="127.0.0.1:8080",
        log_level="debug",
        pacing={"delta": 250},
        api_limits={"request_rate": 10.5},
    )
    return made


def test_what_was_written_is_what_is_read(home: Home) -> None:
    found = config.load(home)
    assert (found.name, found.listen, found.api) == ("Гарант 0", "127.0.0.1:7400", "127.0.0.1:8080")
    assert found.log_level == "debug"
    assert found.replica.delta == 250
    assert found.api_settings.request_rate == 10.5


def test_a_variable_overrides_the_file(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IIC_NODE_API", "127.0.0.1:9999")
    assert config.load(home).api == "127.0.0.1:9999"


def test_an_empty_api_address_means_none(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IIC_NODE_API", "")
    assert config.load(home).api == ""


def test_a_configuration_is_never_overwritten(home: Home) -> None:
    with pytest.raises(CodedError, match="exists already"):
        config.write(home, name="x", listen="a:1", api="")


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ('listen = "nowhere"', "listen"),
        ('listen = "host:99999"', "listen"),
        ('listen = "host:1"\nvote_key = "00"', "vote_key"),
        ('listen = "host:1"\nworkers = -1', "workers"),
        ('listen = "host:1"\nlog_level = "loud"', "log_level"),
        ('listen = "host:1"\n[pacing]\nquorum = 2', "pacing"),
        ('listen = "host:1"\n[pacing]\ndelta = 0', "pacing"),
        ('listen = "host:1"\n[pacing]\ndelta = 0.5', "pacing"),
        ('listen = "host:1"\n[api_limits]\nunknown = 1', "api_limits"),
        ("", "listen"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, line: str, field: str) -> None:
    home = Home(tmp_path)
    home.config.write_text(f'name = "g"\n{line}\n')
    with pytest.raises(CodedError) as caught:
        config.load(home)
    assert caught.value.code.name == "BAD_CONFIG"
    assert caught.value.field.split(".")[0] == field


def test_a_missing_or_unreadable_file_is_said(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with pytest.raises(CodedError, match="iic node init"):
        config.load(home)
    home.config.write_text("= not toml")
    with pytest.raises(CodedError, match=r"node\.toml"):
        config.load(home)
