"""The wallet's key commands: nothing secret is shown or taken on the command line."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cli import agent, keystore
from cli.keystore import Kdf, Keystore, read_header
from cli.main import main

PASSWORD = "a long password"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("IIC_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("IIC_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.delenv("IIC_PROFILE", raising=False)
    # The real cost of a new keystore is for attackers; tests take the cheapest that is accepted.
    monkeypatch.setattr(keystore, "DEFAULT_KDF", Kdf(1, 8192))
    return tmp_path


@pytest.fixture
def password_file(home: Path) -> Path:
    path = home / "password"
    keystore_write(path, PASSWORD + "\n")
    return path


def keystore_write(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o600)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["wallet", *map(str, arguments)])


def document(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def error(result: Result) -> tuple[str, int]:
    return json.loads(result.stdout)["error"]["code"], result.exit_code


@pytest.fixture
def created(home: Path, password_file: Path) -> Path:
    path = home / "k"
    document(
        run("create", "--keystore", path, "--password-file", password_file, "--key", "director",
            "--key", "clerk", "--label", "Ural Gear", "--json")
    )  # fmt: skip
    return path


def test_create_writes_an_encrypted_file_and_shows_public_keys_only(created: Path) -> None:
    store = Keystore.open(created, PASSWORD)
    shown = document(run("show", "--keystore", created, "--json"))
    assert [k["name"] for k in shown["keys"]] == ["director", "clerk"]
    assert shown["keys"][0]["public"] == store.key("director").public.hex()
    for key in store.keys().values():
        assert key.seed().hex() not in json.dumps(shown)


def test_create_does_not_overwrite(created: Path, password_file: Path) -> None:
    again = run("create", "--keystore", created, "--password-file", password_file, "--json")
    assert error(again) == ("FILE_EXISTS", 6)


def test_a_short_password_is_refused(home: Path) -> None:
    keystore_write(home / "short", "1234567\n")
    result = run("create", "--keystore", home / "k", "--password-file", home / "short", "--json")
    assert error(result) == ("WEAK_PASSWORD", 6)
    assert not (home / "k").exists()


def test_a_readable_password_file_is_refused(home: Path, password_file: Path) -> None:
    password_file.chmod(0o644)
    result = run("create", "--keystore", home / "k", "--password-file", password_file, "--json")
    assert error(result) == ("FILE_MODE", 6)


def test_without_a_terminal_a_password_is_not_guessed(created: Path) -> None:
    assert error(run("add-key", "new", "--keystore", created, "--json")) == ("PASSWORD_NEEDED", 6)


def test_a_wrong_password_is_told_apart(created: Path, home: Path) -> None:
    keystore_write(home / "wrong", "another password\n")
    result = run("add-key", "x", "--keystore", created, "--password-file", home / "wrong", "--json")
    assert error(result) == ("BAD_PASSWORD", 6)


@pytest.mark.parametrize("option", ["--password", "--seed", "--private-key", "--passphrase"])
def test_secrets_on_the_command_line_are_refused_and_explained(home: Path, option: str) -> None:
    result = run("create", option, "hunter22hunter22", "--keystore", home / "k")
    assert result.exit_code == 2
    assert "SECRET_ON_COMMAND_LINE" in result.output and "--password-file" in result.output
    assert not (home / "k").exists()


def test_an_imported_key_is_the_one_that_was_made_elsewhere(
    home: Path, created: Path, password_file: Path
) -> None:
    seed = bytes(range(32))
    keystore_write(home / "seed", seed.hex() + "\n")
    document(
        run("import", "treasurer", "--seed-file", home / "seed", "--keystore", created,
            "--password-file", password_file, "--json")
    )  # fmt: skip
    assert Keystore.open(created, PASSWORD).key("treasurer").seed() == seed


def test_a_readable_seed_file_is_refused(home: Path, created: Path, password_file: Path) -> None:
    (home / "seed").write_text("00" * 32)
    (home / "seed").chmod(0o644)
    result = run("import", "x", "--seed-file", home / "seed", "--keystore", created,
                 "--password-file", password_file, "--json")  # fmt: skip
    assert error(result) == ("FILE_MODE", 6)


def test_export_writes_public_keys_for_others(home: Path, created: Path) -> None:
    document(run("export", home / "keys.json", "--keystore", created, "--json"))
    exported = json.loads((home / "keys.json").read_text())
    assert exported["format"] == "iic-public-keys"
    assert {k["name"]: k["public"] for k in exported["keys"]} == {
        e.name: e.public.hex() for e in read_header(created).entries
    }


def test_the_password_can_be_changed(home: Path, created: Path, password_file: Path) -> None:
    keystore_write(home / "new", "a newer password\n")
    document(
        run("password", "--keystore", created, "--password-file", password_file,
            "--new-password-file", home / "new", "--json")
    )  # fmt: skip
    assert Keystore.open(created, "a newer password").keys()


def test_unlock_spares_the_password_and_lock_ends_it(created: Path, password_file: Path) -> None:
    answer = document(
        run("unlock", "--for", "2m", "--keystore", created, "--password-file", password_file,
            "--json")
    )  # fmt: skip
    assert answer["unlocked_seconds"] == 120
    try:
        assert document(run("show", "--keystore", created, "--json"))["unlocked_seconds"] > 100
    finally:
        locked = document(run("lock", "--keystore", created, "--json"))
    assert locked["was_unlocked"] is True
    while agent.find(created) is not None:
        pass
    assert document(run("lock", "--keystore", created, "--json"))["was_unlocked"] is False


@pytest.mark.parametrize("text", ["15", "m", "0s", "25h", "1d", "-1m", "1.5h", "1m30s"])
def test_durations_are_exact_about_their_unit(created: Path, text: str) -> None:
    assert run("unlock", "--for", text, "--keystore", created).exit_code == 2


def test_a_profile_spares_the_options(home: Path, created: Path, password_file: Path) -> None:
    document(
        run("profile", "set", "ural", "--keystore", created, "--password-file", password_file,
            "--node", "http://127.0.0.1:1", "--label", "Ural Gear", "--json")
    )  # fmt: skip
    shown = document(run("show", "--json"))
    assert shown["profile"] == "ural" and shown["keys"][1]["name"] == "clerk"
    listed = document(run("profile", "list", "--json"))
    assert [(p["name"], p["default"]) for p in listed] == [("ural", True)]
    document(run("profile", "remove", "ural", "--json"))
    assert created.exists() and document(run("profile", "list", "--json")) == []


def test_tables_are_the_default(created: Path) -> None:
    result = run("show", "--keystore", created)
    assert result.exit_code == 0
    assert "director" in result.output and "PUBLIC KEY" in result.output
    with pytest.raises(json.JSONDecodeError):
        json.loads(result.stdout)


def test_the_keystore_file_is_private(created: Path) -> None:
    assert stat.S_IMODE(created.stat().st_mode) == 0o600
