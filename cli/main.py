"""The ``iic`` entry point: mounts the command groups, each imported only when it is used.

``iic --help`` imports no group at all, so it is fast, and a group that cannot be imported breaks
only its own commands.
"""

from __future__ import annotations

import importlib
from typing import NamedTuple

import click

from cli import output


class _Mounted(NamedTuple):
    """Where a group lives and what ``iic --help`` says of it."""

    module: str
    attribute: str
    help: str


GROUPS = {
    "wallet": _Mounted(
        "cli.wallet", "wallet", "Keys, balances, payments and receipts of a member."
    ),
    "node": _Mounted("cli.node", "node", "Make, run, inspect and check a guarantor's node."),
    "genesis": _Mounted("cli.genesis", "genesis", "The ceremony that starts a ledger."),
    "recovery": _Mounted(
        "cli.recovery", "recovery", "Go on after more guarantors are lost than a quorum can spare."
    ),
    "audit": _Mounted("cli.audit", "audit", "Verify receipts and proofs offline."),
    "demo": _Mounted(
        "cli.demo", "demo", "Four guarantors and a reference scenario on this machine."
    ),
    "sandbox": _Mounted(
        "cli.sandbox", "sandbox", "A small real ledger to try every command on, as anybody."
    ),
    "bench": _Mounted("cli.bench.settle", "bench", "Measure throughput and latency of real nodes."),
    "sim": _Mounted("cli.sim", "sim", "Deterministic simulation of whole clusters, by seed."),
    "model": _Mounted(
        "cli.model", "model", "Check the protocol exhaustively, and what nodes signed against it."
    ),
}
"""The commands of ``iic`` by name."""


class LazyGroups(output.Group):
    """A click group whose sub-commands are imported on first use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of :data:`GROUPS`."""
        return list(GROUPS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the group's module and return its command."""
        mounted = GROUPS.get(cmd_name)
        if mounted is None:
            return None
        try:
            command = getattr(importlib.import_module(mounted.module), mounted.attribute)
        except ModuleNotFoundError as error:
            if error.name != mounted.module:
                raise
            raise output.Failure(
                "NOT_INSTALLED",
                f"`iic {cmd_name}` is not part of this installation",
                output.Exit.LOCAL,
            ) from None
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the groups without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, mounted.help) for name, mounted in GROUPS.items()])


@click.group(cls=LazyGroups, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="iic", prog_name="iic")
def main() -> None:
    """The settlement ledger of an international industrial cluster.

    It is kept by guarantors who need not trust each other.
    """


if __name__ == "__main__":
    main()
