"""What wallet commands work with (profile, ledger, nodes, keys) and the options that choose it."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import click

from cli import calls
from cli import profile as profiles
from cli.client import Client
from cli.errors import NO_SUCH_ID
from cli.keystore import Header, read_header
from cli.output import json_option
from cli.passwords import refuse_secrets
from cli.profile import Profile
from cli.signing import Signer, open_signer
from cli.wallet.names import Names, is_id, matching
from cli.wallet.parties import Directory
from cli.wallet.provenstate import ProvenState
from contracts.framework.render import LANGUAGES
from contracts.framework.types import lei_problem
from ledger.errors import CodedError
from ledger.genesis import Genesis, load

F = TypeVar("F", bound=Callable[..., Any])

FILE = click.Path(dir_okay=False, path_type=Path)
_MOST_OPEN = 200
SECRET_OPTIONS = ("--password", "--passphrase", "--seed", "--private-key", "--secret", "--mnemonic")


class Ledger(NamedTuple):
    """The ledger that a profile's genesis file describes."""

    network: str
    chain_id: bytes
    genesis: Genesis


class Session:
    """Opened step by step: a command that needs no keys never asks for a password."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile

    @functools.cached_property
    def ledger(self) -> Ledger:
        """From the genesis file, its approvals verified."""
        genesis = load(self.profile.require_genesis())
        return Ledger(genesis.network, genesis.chain_id, genesis)

    @functools.cached_property
    def client(self) -> Client:
        """A client of the profile's nodes."""
        return Client(self.profile.require_nodes())

    @functools.cached_property
    def state(self) -> ProvenState:
        """The ledger's state, each record proven."""
        return ProvenState(self.client, self.ledger.genesis)

    @functools.cached_property
    def directory(self) -> Directory:
        """Names of parties."""
        return Directory(self.client)

    @functools.cached_property
    def party(self) -> str:
        """The member's LEI; a profile or ``--party`` may name it instead."""
        return self.lei(self.profile.require_party())

    def lei(self, text: str) -> str:
        """The LEI of a party named in any way; an LEI needs no node."""
        return text if not lei_problem(text) else self.directory.resolve(text)

    def lei_or_none(self, text: str) -> str | None:
        """As :meth:`lei`, in the shape that forms ask for."""
        return self.lei(text)

    @functools.cached_property
    def names(self) -> Names:
        """Names that were saved for ids of this ledger."""
        return Names(self.ledger.chain_id)

    def id(self, text: str) -> str:
        """The id of an object named in any way; a whole id needs neither files nor a node.

        ``sha256:FILE`` is the digest of a file.

        Raises ``NO_SUCH_ID`` or ``AMBIGUOUS_ID``.
        """
        kind, _, path = text.partition(":")
        if kind == "sha256" and path:
            return hashlib.sha256(Path(path).expanduser().read_bytes()).hexdigest()
        wanted = text.strip().lower().removeprefix("0x")
        if is_id(wanted):
            return wanted
        found = self.names.find(wanted) or matching(wanted, self._open_objects())
        if found is None:
            raise CodedError(NO_SUCH_ID, f"{text!r} is neither an id, its start, nor a saved name")
        return found

    def _open_objects(self) -> list[str]:
        if not self.profile.nodes or not self.profile.party:
            return []
        answer = self.client.do(calls.todo(self.party, everything=True, limit=_MOST_OPEN))
        return [item.id for item in answer.items if item.id]

    @property
    def language(self) -> str:
        """The language of words: the command's, the profile's, or English."""
        return self.profile.language or LANGUAGES[0]

    @functools.cached_property
    def keystore(self) -> Header:
        """The public side of the keystore."""
        return read_header(self.profile.require_keystore())

    @functools.cached_property
    def signer(self) -> Signer:
        """Asks for the password unless an agent or a password file has it."""
        return open_signer(self.profile.require_keystore(), self.profile.password_file)


def with_session(command: F) -> F:
    """Give a command its :class:`Session` and the options that choose it, ``--json`` included."""

    @functools.wraps(command)
    def run(
        *args: Any,
        use_profile: str | None,
        use_node: tuple[str, ...],
        use_genesis: Path | None,
        use_party: str | None,
        use_keystore: Path | None,
        use_password_file: Path | None,
        use_language: str | None,
        **kwargs: Any,
    ) -> Any:
        chosen = profiles.load(use_profile).overridden(
            nodes=use_node,
            genesis=use_genesis,
            party=use_party,
            keystore=use_keystore,
            password_file=use_password_file,
            language=use_language,
        )
        return command(Session(chosen), *args, **kwargs)

    wrapped: Any = run
    for option in reversed(
        (
            click.option("--profile", "use_profile", metavar="NAME", help="Profile to work with."),
            click.option(
                "--node", "use_node", multiple=True, metavar="URL", help="Node to ask; repeatable."
            ),
            click.option("--genesis", "use_genesis", type=FILE, help="The ledger's genesis file."),
            click.option("--as", "use_party", metavar="NAME|LEI", help="Member to act for."),
            click.option("--keystore", "use_keystore", type=FILE, help="Keystore file."),
            click.option(
                "--password-file",
                "use_password_file",
                type=FILE,
                help="File (mode 0600) with the keystore's password.",
            ),
            click.option(
                "--lang",
                "use_language",
                type=click.Choice(LANGUAGES),
                help="Language of the words that are signed.",
            ),
            json_option,
            refuse_secrets(*SECRET_OPTIONS),
        )
    ):
        wrapped = option(wrapped)
    return wrapped  # type: ignore[no-any-return]
