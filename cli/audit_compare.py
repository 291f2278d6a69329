"""``iic audit diff|consistency|prove``: two ledgers, two dates, one record of the past."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from cli import output
from cli.audit_records import key_of, words_of
from cli.audit_verify import ending_at_a_fault
from cli.errors import BAD_MOMENT
from cli.files import write_new
from cli.output import Exit
from ledger import proof
from ledger.errors import NOT_CERTIFIED, CodedError
from ledger.genesis import load
from ledger.proof import ProvenState

_FILE = click.Path(dir_okay=False, path_type=Path)
_GENESIS = click.option("--genesis", type=_FILE, required=True, help="Genesis file of the ledger.")
_OUT = click.option("--out", type=_FILE, required=True, help="File to write.")
_DAY_MS = 86_400_000
_SHOWN = 10


@click.command("diff")
@click.argument("left", metavar="A")
@click.argument("right", metavar="B")
@_GENESIS
@click.option("-q", "--quiet", is_flag=True, help="Print nothing if they agree.")
@output.json_option
def diff(left: str, right: str, genesis: Path, quiet: bool) -> None:
    """Say whether two ledgers agree, and where they part.

    A and B are archives, stores or nodes (`http://…`). They agree if every block that both hold is
    the same to the last byte. Exit status 1 if not: the first block that differs is named with its
    transactions and receipts, and the records of the state that differ after it.

    Nothing is verified here but sameness; `iic audit verify` says which one is right.
    """
    from cli.auditing.compare import compare
    from cli.auditing.ledgers import open_blocks

    document = load(genesis)
    with open_blocks(left) as one, open_blocks(right) as other:
        found = compare(one, other, document)
    body: dict[str, Any] = {
        "agree": found.difference is None,
        "from": found.first,
        "compared": found.compared,
        "heights": [found.left, found.right],
        "difference": None if found.difference is None else found.difference._asdict(),
    }
    if found.difference is not None or not quiet:
        output.emit(body, lambda: _tell_difference(body))
    if found.difference is not None:
        output.finish(Exit.VIOLATION)


def _tell_difference(body: dict[str, Any]) -> None:
    ahead = body["heights"]
    where = body["difference"]
    if where is None:
        since = f"from block {body['from']:,} " if body["from"] > 1 else ""
        output.done(f"they agree {since}up to block {body['compared']:,}")
        output.facts([("A ends at", ahead[0]), ("B ends at", ahead[1])])
        return
    output.say(f"✗ they part at block {where['height']:,}, all below it is the same")
    state = where["state"]
    output.facts(
        [
            ("Header", where["header"] or "the same: one of them shows what it does not commit to"),
            ("Only in A", _listed(where["only_left"])),
            ("Only in B", _listed(where["only_right"])),
            ("Other receipts", _listed(where["receipts"])),
            ("State", "cannot be executed" if state is None else _listed(state)),
        ]
    )


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more if names else "nothing"


@click.command("consistency")
@click.argument("ledger", metavar="LEDGER")
@click.option("--from", "old", required=True, metavar="WHEN", help="The earlier time.")
@click.option("--to", "new", metavar="WHEN", help="The later time.  [default: the newest]")
@_GENESIS
@_OUT
@output.json_option
def consistency(ledger: str, old: str, new: str | None, genesis: Path, out: Path) -> None:
    """Write a proof that a ledger extends the one of an earlier time.

    LEDGER is an archive, a store or a node. WHEN is a height, a date (its end, UTC) or a moment
    like 2026-01-31T12:00Z. Whoever kept the hash of the earlier block verifies the file offline by
    `iic audit verify-extension`; the later block is the newest one at that time that has a
    finalization of its own.
    """
    from cli.auditing.ledgers import Chain, open_blocks

    document = load(genesis)
    with open_blocks(ledger) as blocks:
        chain = Chain(blocks, document)
    first = _height(chain, old)
    last = _certified(chain, _height(chain, new) if new else len(chain.headers) - 1)
    if first > last:
        raise CodedError(BAD_MOMENT, f"block {first} comes after block {last}")
    header = chain.headers[first]
    proven = chain.extension(first, last)
    proof.verify_extension(proven, document)
    write_new(out, [proof.write(proven)])
    body = {
        "file": str(out),
        "from": {"height": first, "hash": header.hash().hex(), "time": header.time},
        "to": {"height": last, "hash": chain.headers[last].hash().hex()},
    }
    output.emit(
        body,
        lambda: output.done(
            f"{out}: block {last} extends block {first}; verify it with --known "
            f"{header.hash().hex()}"
        ),
    )


@click.command("prove")
@click.argument("ledger", metavar="LEDGER")
@click.argument("kind", type=click.Choice(["member", "keys", "account", "record"]))
@click.argument("name")
@click.option("--unit", help="Unit of an account.  [default: that of its kind]")
@click.option("--at", "when", metavar="WHEN", help="When.  [default: the newest block]")
@_GENESIS
@_OUT
@output.json_option
def prove(
    ledger: str,
    kind: str,
    name: str,
    unit: str | None,
    when: str | None,
    genesis: Path,
    out: Path,
) -> None:
    """Write a proof of what the state said at a time: a record, or that there was none.

    NAME is the LEI of a member or of whose keys, an account like LEI/avail, or a record's key in
    hexadecimal. LEDGER is an archive, a store or a node; WHEN is a height, a date (its end, UTC) or
    a moment. The file verifies offline by `iic audit verify-state`.

    The state at a time is made again by executing the blocks from the nearest checkpoint below,
    some 20,000 transactions a second. The block is the newest one at that time that has a
    finalization of its own.
    """
    from cli.auditing.ledgers import Chain, open_blocks, state_at
    from ledger.statetree import tree_of

    document = load(genesis)
    key = key_of(kind, name, unit)
    with open_blocks(ledger) as blocks:
        chain = Chain(blocks, document)
        height = _certified(chain, _height(chain, when) if when else len(chain.headers) - 1)
        with ending_at_a_fault():
            state = state_at(blocks, document, height).ledger
    value = state.get(key)
    proven = ProvenState(
        key, value, tree_of(document.chain_id).prove(state, key), chain.finality(height)
    )
    proof.verify_state(proven, document)
    write_new(out, [proof.write(proven)])
    header = chain.headers[height]
    words = words_of(key, value, header.time)
    body = {
        "file": str(out),
        "height": height,
        "time": {"iso": output.moment(header.time), "ms": header.time},
        "present": value is not None,
        "words": words,
    }
    output.emit(body, lambda: output.done(f"{out}: at block {height}, {words}"))


def _certified(chain: Any, height: int) -> int:
    found: int = chain.certified_at(height)
    if not found:
        raise CodedError(NOT_CERTIFIED, f"no block up to {height} has a finalization of its own")
    return found


def _height(chain: Any, when: str) -> int:
    """The height that a person means: a number, or the newest block at a date or moment."""
    if when.isdigit():
        height = int(when)
        if height >= len(chain.headers):
            raise CodedError(BAD_MOMENT, f"the ledger ends at block {len(chain.headers) - 1}")
        return height
    time = _milliseconds(when)
    if time < chain.headers[0].time:
        raise CodedError(BAD_MOMENT, f"the ledger begins after {when}")
    found: int = chain.height_at(time)
    return found


def _milliseconds(when: str) -> int:
    try:
        moment = datetime.fromisoformat(when)
    except ValueError:
        raise CodedError(
            BAD_MOMENT, f"{when!r} is no height, date (2026-01-31) or moment (2026-01-31T12:00Z)"
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    ms = int(moment.timestamp() * 1000)
    return ms + _DAY_MS - 1 if "T" not in when and " " not in when else ms
