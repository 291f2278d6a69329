"""Profiles: which ledger, which nodes, which member and which keystore a command works with.

A profile is a small TOML file in ``profiles/`` of the configuration directory (``IIC_CONFIG_DIR``,
else the platform's place for user configuration). Commands choose one by ``--profile``, then
``IIC_PROFILE``, then the file ``default``, then the only profile there is. Profiles hold no secret:
a password file is named, never quoted.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import platformdirs

from cli.errors import BAD_PROFILE
from cli.files import write_private
from ledger.errors import CodedError

APPLICATION = "iic"
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")

_DEFAULT = "default"


@dataclass(frozen=True)
class Profile:
    """What a command needs to know to act for a member.

    ``nodes`` are base URLs of HTTP APIs, tried in order; ``genesis`` and ``keystore`` are files;
    ``party`` is the member's LEI; ``password_file`` serves unattended use. ``label`` says in words
    whose profile it is; ``language`` is that of the words to sign (``en``, ``ru``,
    ``zh``). Any of them may be missing: a command that needs one says so.
    """

    name: str
    nodes: tuple[str, ...] = ()
    genesis: Path | None = None
    party: str = ""
    keystore: Path | None = None
    password_file: Path | None = None
    label: str = ""
    language: str = ""

    def overridden(
        self,
        *,
        nodes: tuple[str, ...] = (),
        genesis: Path | None = None,
        party: str | None = None,
        keystore: Path | None = None,
        password_file: Path | None = None,
        label: str | None = None,
        language: str | None = None,
    ) -> Profile:
        """This profile with the values that a command line gave in place of its own."""
        return replace(
            self,
            nodes=nodes or self.nodes,
            genesis=genesis or self.genesis,
            party=party or self.party,
            keystore=keystore or self.keystore,
            password_file=password_file or self.password_file,
            label=label or self.label,
            language=language or self.language,
        )

    def require_nodes(self) -> tuple[str, ...]:
        """The node URLs; raises ``BAD_PROFILE`` if there are none."""
        return self.nodes or self._missing("a node", "--node URL")

    def require_genesis(self) -> Path:
        """The genesis file; raises ``BAD_PROFILE`` if none is named."""
        return self.genesis or self._missing("a genesis file", "--genesis FILE")

    def require_party(self) -> str:
        """The member's LEI; raises ``BAD_PROFILE`` if none is named."""
        return self.party or self._missing("a party", "--as LEI")

    def require_keystore(self) -> Path:
        """The keystore file; raises ``BAD_PROFILE`` if none is named."""
        return self.keystore or self._missing("a keystore", "--keystore FILE")

    def _missing(self, what: str, option: str) -> Any:
        where = f"profile {self.name!r} names no" if self.name else "no profile is chosen and no"
        verb = "" if self.name else " is given"
        noun = what.removeprefix("a ")
        raise CodedError(
            BAD_PROFILE,
            f"{where} {noun}{verb}; pass {option}, or keep it in a profile: iic wallet profile set",
        )


def config_dir() -> Path:
    """The configuration directory; nothing is created."""
    override = os.environ.get("IIC_CONFIG_DIR")
    return Path(override) if override else platformdirs.user_config_path(APPLICATION)


def data_dir() -> Path:
    """Where keystores go unless a path is given; nothing is created."""
    override = os.environ.get("IIC_CONFIG_DIR")
    return Path(override) if override else platformdirs.user_data_path(APPLICATION)


def names() -> list[str]:
    """The names of all profiles, in alphabetical order."""
    return sorted(p.stem for p in (config_dir() / "profiles").glob("*.toml") if _valid(p.stem))


def default_name() -> str:
    """The profile that commands use by themselves, or an empty string."""
    chosen = os.environ.get("IIC_PROFILE", "")
    if chosen:
        return chosen
    try:
        chosen = (config_dir() / _DEFAULT).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        chosen = ""
    known = names()
    if chosen in known:
        return chosen
    return known[0] if len(known) == 1 else ""


def load(name: str | None = None) -> Profile:
    """The named profile, or the default one, or an empty one if nothing is chosen at all.

    Raises ``BAD_PROFILE`` if a profile that was asked for does not exist or does not parse.
    """
    wanted = name or default_name()
    if not wanted:
        return Profile("")
    _require_name(wanted)
    path = _path(wanted)
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        known = ", ".join(names()) or "none"
        raise CodedError(BAD_PROFILE, f"there is no profile {wanted!r}; known: {known}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CodedError(BAD_PROFILE, f"{path} is not TOML: {error}") from None
    return _from_document(wanted, path, document)


def save(profile: Profile) -> Path:
    """Write a profile (mode 0600, because it tells what to attack) and return its file."""
    _require_name(profile.name)
    lines = [f"nodes = [{', '.join(map(_quoted, profile.nodes))}]"]
    for key, value in (
        ("genesis", profile.genesis),
        ("party", profile.party),
        ("keystore", profile.keystore),
        ("password_file", profile.password_file),
        ("label", profile.label),
        ("language", profile.language),
    ):
        if value:
            lines.append(f"{key} = {_quoted(str(value))}")
    path = _path(profile.name)
    write_private(path, ("\n".join(lines) + "\n").encode(), exclusive=False)
    return path


def remove(name: str) -> None:
    """Delete a profile; nothing happens if there is none. Keys and files it names stay."""
    _require_name(name)
    _path(name).unlink(missing_ok=True)
    default = config_dir() / _DEFAULT
    if default.is_file() and default.read_text(encoding="utf-8").strip() == name:
        default.unlink()


def use(name: str) -> None:
    """Make a profile the default one; it must exist."""
    load(name)
    write_private(config_dir() / _DEFAULT, f"{name}\n".encode(), exclusive=False)


def _quoted(text: str) -> str:
    # A JSON string without ASCII escapes is a TOML basic string, but for the raw DEL character.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _path(name: str) -> Path:
    return config_dir() / "profiles" / f"{name}.toml"


def _valid(name: str) -> bool:
    return NAME.fullmatch(name) is not None


def _require_name(name: str) -> None:
    if not _valid(name):
        raise CodedError(
            BAD_PROFILE,
            f"{name!r} is no profile name: 1 to 64 lower-case letters, digits, dots or dashes",
        )


def _from_document(name: str, path: Path, document: dict[str, Any]) -> Profile:
    def text(key: str) -> str:
        value = document.get(key, "")
        if not isinstance(value, str):
            raise CodedError(BAD_PROFILE, f"{path}: {key} is not a string", field=key)
        return value

    def file(key: str) -> Path | None:
        value = text(key)
        return path.parent / Path(value).expanduser() if value else None

    nodes = document.get("nodes", [])
    if not isinstance(nodes, list) or not all(isinstance(n, str) for n in nodes):
        raise CodedError(BAD_PROFILE, f"{path}: nodes is not a list of URLs", field="nodes")
    return Profile(
        name,
        tuple(nodes),
        file("genesis"),
        text("party"),
        file("keystore"),
        file("password_file"),
        text("label"),
        text("language"),
    )
