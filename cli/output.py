"""How every command speaks: tables for people, JSON for scripts, one exit code per kind of outcome.

A command is written once for both readers::

    @click.group(cls=output.Group)
    def demo_group() -> None: ...

    @demo_group.command()
    @output.json_option
    def heights() -> None:
        rows = [("g0", 9), ("g1", 8)]
        output.emit(
            [{"node": name, "height": height} for name, height in rows],
            lambda: output.table(("NODE", ("HEIGHT", "right")), rows),
        )

Failures are :class:`Failure`: a stable code, one sentence, what to do next, and the exit code. A
:class:`ledger.errors.CodedError` or an :class:`OSError` that leaves a command becomes one. With
``--json`` a failure is one JSON object on standard output, ``{"error": {…}}``; without it, text on
standard error. Codes, keys and exit codes never change; the words may be translated.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from enum import IntEnum
from typing import IO, TYPE_CHECKING, Any, TypeVar

import click

from ledger.errors import CodedError

if TYPE_CHECKING:
    from rich.console import Console

F = TypeVar("F", bound=Callable[..., Any])

MINOR_UNITS = 100
"""Minor units in one SCU."""

PIPED_WIDTH = 200
"""Columns of a table that goes to a file or a pipe, where no terminal says how wide it is."""

_JSON = "iic.json"


class Exit(IntEnum):
    """The exit codes of every command."""

    OK = 0
    VIOLATION = 1
    """A check failed or an invariant was violated."""
    USAGE = 2
    """The command line is wrong (click's own code)."""
    REFUSED = 3
    """The ledger refused; nothing changed."""
    UNKNOWN = 4
    """The outcome is unknown or came too late: ask again, resubmitting the same bytes is safe."""
    UNREACHABLE = 5
    """No node could be reached."""
    LOCAL = 6
    """A local key or file is missing, locked or damaged."""


_CHECK_FAILED = frozenset(
    {"BAD_CERTIFICATE", "BAD_PROOF", "BAD_RECEIPT", "BAD_SIGNATURE", "STORE_CORRUPT"}
)
"""Codes of local verification whose meaning is "the check failed" rather than "cannot check"."""

_MISTYPED = (
    *("INVALID_FIELD", "NO_SUCH_PARTY", "AMBIGUOUS_PARTY"),
    *("NO_SUCH_ID", "AMBIGUOUS_ID", "BAD_NAME"),
)
_BY_CODE = {
    **dict.fromkeys(_CHECK_FAILED, Exit.VIOLATION),
    "NODE_UNREACHABLE": Exit.UNREACHABLE,
    "OUTCOME_UNKNOWN": Exit.UNKNOWN,
    **dict.fromkeys(_MISTYPED, Exit.USAGE),
}


class Failure(click.ClickException):
    """The one way in which a command fails.

    ``hint`` is the next command or step; ``details`` are further facts for ``--json`` and are
    shown as ``key: value`` lines to people (a transaction id, its state …).
    """

    def __init__(
        self,
        code: str,
        message: str,
        exit_code: Exit,
        *,
        field: str = "",
        hint: str = "",
        details: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.exit_code = int(exit_code)  # type: ignore[misc]  # click has one per class
        self.field = field
        self.hint = hint
        self.details = details or {}
        self.as_json = False

    def to_json(self) -> dict[str, Any]:
        """The object under ``error`` in JSON output; ``code`` and ``message`` are always there."""
        body: dict[str, Any] = {"code": self.code, "message": self.message, "exit": self.exit_code}
        if self.field:
            body["field"] = self.field
        if self.hint:
            body["hint"] = self.hint
        return body | self.details

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the failure where its reader expects it."""
        if self.as_json:
            click.echo(json.dumps({"error": self.to_json()}, ensure_ascii=False))
            return
        out = file or sys.stderr
        where = f" (field {self.field})" if self.field else ""
        label = click.style(f"error[{self.code}]:", fg="red", bold=True)
        click.echo(f"{label} {self.message}{where}", file=out)
        for key, value in self.details.items():
            click.echo(f"  {key}: {value}", file=out)
        if self.hint:
            click.echo(f"  {self.hint}", file=out)


def failure_of(error: Exception) -> Failure | None:
    """The failure that an expected exception means to a command's user, or None."""
    if isinstance(error, Failure):
        return error
    if isinstance(error, CodedError):
        # A node's own answer (cli.plans.ServerError) is a refusal, whatever its code.
        usual = Exit.REFUSED if getattr(error, "is_answer", False) else Exit.LOCAL
        exit_code = _BY_CODE.get(error.code.name, usual)
        return Failure(error.code.name, error.message, exit_code, field=error.field)
    if isinstance(error, OSError):
        name = f"{error.filename}: " if error.filename else ""
        return Failure("FILE_PROBLEM", f"{name}{error.strerror or error}", Exit.LOCAL)
    return None


class Group(click.Group):
    """A command group that turns expected exceptions into :class:`Failure`."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; unexpected exceptions pass, because they are defects."""
        try:
            return super().invoke(ctx)
        except (click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except (Failure, CodedError, OSError) as error:
            failure = failure_of(error)
            assert failure is not None
            failure.as_json = wants_json(ctx)
            raise failure from error


def json_option(command: F) -> F:
    """Add ``--json``; :func:`emit` and the failure printer obey it."""

    def remember(ctx: click.Context, _: click.Parameter, value: bool) -> None:
        ctx.meta[_JSON] = bool(value) or bool(ctx.meta.get(_JSON))

    return click.option(
        "--json",
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=remember,
        help="Print one JSON document instead of text.",
    )(command)


def wants_json(ctx: click.Context | None = None) -> bool:
    """Whether the running command was given ``--json``."""
    ctx = ctx or click.get_current_context(silent=True)
    return bool(ctx is not None and ctx.meta.get(_JSON))


def emit(data: Any, human: Callable[[], None]) -> None:
    """Print ``data`` as one JSON document under ``--json``, else call ``human``."""
    if wants_json():
        click.echo(json.dumps(data, ensure_ascii=False, indent=2, default=_plain))
    else:
        human()


def say(text: str) -> None:
    """A line for people on standard output; silent under ``--json``."""
    if not wants_json():
        click.echo(text)


def done(text: str) -> None:
    """A step that succeeded, for people."""
    say(f"{click.style('✓', fg='green')} {text}")


def note(text: str) -> None:
    """A remark or progress line on standard error, so that it never mixes with results."""
    click.echo(text, err=True)


def finish(code: Exit) -> None:
    """End the command with an exit code and nothing more to say."""
    click.get_current_context().exit(int(code))


Column = str | tuple[str, str]
"""A heading, or a heading and its justification (``left``, ``right``, ``center``)."""


def table(columns: Sequence[Column], rows: Iterable[Sequence[Any]], *, title: str = "") -> None:
    """Print a table for people. Cells are plain text: markup in data is never interpreted."""
    from rich.markup import escape
    from rich.table import Table

    grid = Table(title=title or None, box=None, pad_edge=False, title_justify="left")
    for column in columns:
        heading, justify = (column, "left") if isinstance(column, str) else column
        grid.add_column(heading, justify=justify, overflow="fold")  # type: ignore[arg-type]
    for row in rows:
        grid.add_row(*("–" if cell is None else escape(str(cell)) for cell in row))
    console().print(grid)


def facts(pairs: Iterable[tuple[str, Any]]) -> None:
    """Print name and value, one pair per line, aligned."""
    from rich.markup import escape
    from rich.table import Table

    grid = Table(box=None, show_header=False, pad_edge=False)
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in pairs:
        grid.add_row(escape(name), "–" if value is None else escape(str(value)))
    console().print(grid)


def console(*, stderr: bool = False) -> Console:
    """A rich console for tables and progress; imported only when a person reads the output."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, highlight=False, width=None if stream.isatty() else PIPED_WIDTH)


def money(minor: int) -> str:
    """Minor units as text: ``150000`` is ``1,500.00``. Exact; no floats."""
    whole, rest = divmod(abs(minor), MINOR_UNITS)
    return f"{'-' if minor < 0 else ''}{whole:,}.{rest:02d}"


def moment(ms: int, *, local: bool = False) -> str:
    """Milliseconds since the Unix epoch as ISO 8601 UTC, with the local time beside if asked."""
    when = datetime.fromtimestamp(ms // 1000, UTC).replace(microsecond=ms % 1000 * 1000)
    text = when.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if local:
        text += f" ({when.astimezone().strftime('%Y-%m-%d %H:%M:%S %z')})"
    return text


def short(value: bytes | str, *, head: int = 4, tail: int = 4) -> str:
    """A long hash for people: ``5c1e…9a40``; with no ``tail``, ``5c1e…``."""
    text = value.hex() if isinstance(value, bytes) else value
    if len(text) <= head + tail + 1:
        return text
    return f"{text[:head]}…{text[len(text) - tail :]}"


def _plain(value: Any) -> Any:
    """JSON for what the standard encoder does not know: bytes are lower-case hex."""
    if isinstance(value, bytes):
        return value.hex()
    if hasattr(value, "_asdict"):
        return value._asdict()
    return str(value)
