"""Every command of every guide works as it stands, on a real ledger.

A guide is played from top to bottom in a folder of its own. Lines of ``console`` blocks that begin
with ``$ `` are run; another block whose paragraph before ends with a file name in backquotes and a
colon (``Save this as `terms.json`:``) becomes that file. Dates are moved along with the calendar,
by whole weeks, from the day for which the guides are written. Commands that would ask before
sending get ``--yes``, since nobody is there to answer.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import click
import pytest

from cli.main import main
from tests.e2e.command_line import ROOT, Iic

WRITTEN_FOR = date(2026, 11, 23)
"""The day on which the guides' dates make sense as they stand."""

PROSE = {"scenario"}  # how to read a data file: no commands
AUDITS = ("case", "exports", "verify")
"""Of the auditor's pages, those whose commands end by themselves."""
GUIDES = sorted(
    [p for p in (ROOT / "docs/guide").glob("*.md") if p.stem not in PROSE]
    + [ROOT / f"docs/audit/{name}.md" for name in AUDITS]
    + [ROOT / "docs/operate/reconfiguration.md"]
)
LEDGER = "sandbox"
_DATE = re.compile(r"\b20\d\d-\d\d-\d\d\b")
_SAVED_AS = re.compile(r"`([\w.-]+)`[^`]*:\s*$")
_FENCE = "```"


class Block(NamedTuple):
    """A fenced block: its kind, the number of its first line, its lines, the text just before."""

    kind: str
    line: int
    lines: list[str]
    before: str


def blocks(text: str) -> Iterator[Block]:
    """The fenced blocks of a page, in order."""
    before: list[str] = []
    inside: Block | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith(_FENCE) and inside is None:
            inside = Block(line[len(_FENCE) :].strip(), number + 1, [], " ".join(before))
        elif line.startswith(_FENCE) and inside is not None:
            yield inside
            inside, before = None, []
        elif inside is not None:
            inside.lines.append(line)
        elif line.strip():
            before.append(line)
        elif before and not before[-1].rstrip().endswith(":"):
            before = []


def moved(text: str) -> str:
    """Dates as many whole weeks later as have passed since the guides were written.

    Rounded down: what lies ahead comes up to six days nearer, and stays within every window.
    """
    weeks = max(0, (datetime.now(UTC).date() - WRITTEN_FOR).days // 7)

    def move(match: re.Match[str]) -> str:
        return (date.fromisoformat(match[0]) + timedelta(weeks=weeks)).isoformat()

    return _DATE.sub(move, text)


def asks(arguments: list[str]) -> bool:
    """Whether a command asks before it sends."""
    command: click.Command = main
    context = click.Context(main)
    for word in arguments:
        if not isinstance(command, click.Group):
            break
        found = command.get_command(context, word)
        if found is None:
            break
        command = found
    return any("--yes" in parameter.opts for parameter in command.params)


@pytest.fixture(scope="module")
def iic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Iic]:
    """The command on a ledger that has just started."""
    command = Iic(tmp_path_factory.mktemp("guides"))
    started = command("sandbox", "start", LEDGER, "--json")
    assert started.status == 0, started.out + started.err
    yield command
    assert command("sandbox", "stop", LEDGER, "--json").json["stopped"] == 4


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.stem)
def test_every_command_of_the_guide_works(guide: Path, iic: Iic) -> None:
    here = Iic(iic.folder / guide.stem)
    here.environment = iic.environment
    (here.folder / LEDGER).symlink_to(iic.folder / LEDGER)
    for block in blocks(moved(guide.read_text(encoding="utf-8"))):
        saved = _SAVED_AS.search(block.before)
        if block.kind != "console":
            if saved is not None:
                (here.folder / saved[1]).write_text("\n".join(block.lines) + "\n", "utf-8")
            continue
        for number, line in enumerate(block.lines, start=block.line):
            if line.startswith("$ "):
                run(here, line[2:], f"{guide.name}:{number}")


def run(iic: Iic, line: str, where: str) -> None:
    """Run one line; it must succeed."""
    program, *arguments = shlex.split(line)
    assert program == "iic", f"{where}: guides use iic alone"
    assert not any(re.search(r"\$[A-Z]", word) for word in arguments), (
        f"{where}: name what a command makes by --save, and use the name"
    )
    yes = ["--yes"] if asks(arguments) and "--yes" not in arguments else []
    ended = iic(*arguments, *yes)
    assert ended.status == 0, f"{where}: {line}\n{ended.out}\n{ended.err}"


def test_a_guide_has_commands() -> None:
    for guide in GUIDES:
        text = guide.read_text(encoding="utf-8")
        lines = [line for b in blocks(text) if b.kind == "console" for line in b.lines]
        assert any(line.startswith("$ iic ") for line in lines), guide.name
