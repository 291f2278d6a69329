"""Every declared operation as a command: ``iic wallet op NAME`` and ``iic wallet CAPABILITY …``.

Nothing here knows an operation; a new declaration is a new command. The contracts are imported only
when such a command is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import click

from cli import output
from cli.wallet import annex, clearing
from cli.wallet.aliases import GROUPS, aliases, capability_commands
from cli.wallet.compose import Order, carry_out, with_order
from cli.wallet.forms import document_of, options_of
from cli.wallet.session import Session, with_session
from contracts.framework.forms import operation_from_text
from contracts.framework.operation import Declaration, declarations
from contracts.registry import CAPABILITIES


def command_of(declaration: Declaration, name: str) -> click.Command:
    """The command that builds, signs and sends one operation."""

    @with_order
    @with_session
    def send(session: Session, order: Order, **values: Any) -> None:
        document = document_of(declaration, values)
        op = operation_from_text(document, names=session.lei_or_none, ids=session.id)
        carry_out(session, [op], order)

    common: list[click.Parameter] = list(reversed(getattr(send, "__click_params__", [])))
    taken = {name for option in common for name in option.opts}
    lines = [
        declaration.meaning,
        f"By {declaration.by.words}, signed {declaration.signing.words}.",
    ]
    if declaration.cosigned_by:
        lines.append(f"Also signed by {declaration.cosigned_by}.")
    return click.Command(
        name,
        callback=send,
        params=[*options_of(declaration, taken), *common],
        help="\n\n".join(lines),
        short_help=declaration.meaning.partition(".")[0] + ".",
        epilog=f"Operation {declaration.name}, class {declaration.policy!r} of signing policies.",
    )


class _Declared(output.Group):
    """A group whose commands are operations: of one capability, listed ones, or all.

    ``written`` are commands that somebody wrote for the capability; they come first. Aliases work
    without being listed.
    """

    capability: str | None = None
    listed: Mapping[str, str] = MappingProxyType({})
    written: Mapping[str, click.Command] = MappingProxyType({})

    def _found(self) -> dict[str, Declaration]:
        if self.listed:
            return {word: declarations()[name] for word, name in self.listed.items()}
        return declarations() if self.capability is None else capability_commands(self.capability)

    def _aliases(self) -> dict[str, Declaration]:
        return {} if self.capability is None else aliases(self.capability)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in alphabetical order."""
        return sorted({*self._found(), *self.written})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, made when it is asked for."""
        if cmd_name in self.written:
            return self.written[cmd_name]
        found = self._found().get(cmd_name) or self._aliases().get(cmd_name)
        return None if found is None else command_of(found, cmd_name)


_WRITTEN: Final = {
    "annex": {str(command.name): command for command in annex.COMMANDS},
    "netting": {str(command.name): command for command in clearing.COMMANDS},
}
"""Commands that do more than send one operation, by capability and name."""


def groups() -> list[click.Group]:
    """The group ``op``, one for each capability, and those of :mod:`cli.wallet.aliases`."""
    every = _Declared(
        "op", help="Any declared operation by its full name, such as currency.Transfer."
    )
    found: list[click.Group] = [every]
    for capability in CAPABILITIES:
        short = sorted(aliases(capability.name))
        also = f"\n\nAlso: {', '.join(short)}." if short else ""
        group = _Declared(capability.name, help=capability.meaning + also)
        group.capability = capability.name
        group.written = _WRITTEN.get(capability.name, group.written)
        found.append(group)
    for name, (meaning, words) in GROUPS.items():
        group = _Declared(name, help=meaning)
        group.listed = words
        found.append(group)
    return found
