"""``iic recovery``: the ceremony by which survivors go on after a disaster, step by step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from cli import output
from cli.files import write_new
from cli.node_options import HOME
from cli.output import Exit
from ledger.store.files import write_durably

if TYPE_CHECKING:
    from ledger.validators import ValidatorSet
    from node.opening import OpenNode
    from node.recovery.documents import Recovery, Statement

_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
_HANDS_OVER = "is the survivors' own and hands over to those who sign it"
_CONFIRMS = "was to end the epoch, is confirmed by those who sign, and hands over as it says"
_OUT = click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="File to write."
)


@click.group(cls=output.Group)
def recovery() -> None:
    """The ceremony by which survivors go on when no quorum is left. Their nodes are stopped.

    \b
    1. each survivor    iic recovery state --home DIR --out STATEMENT
    2. the one whose ledger is longest
                        iic recovery propose STATEMENT… --home DIR --reason TEXT --out FILE
    3. each survivor    iic recovery show FILE --home DIR   compare with what was agreed
                        iic recovery sign FILE --home DIR
    4. one of them      iic recovery combine COPY… --out FILE
    5. each survivor    iic recovery apply FILE --home DIR
                        iic node run --home DIR
    """


@recovery.command()
@HOME
@_OUT
@click.option("--certain", is_flag=True, help="This disk is the newest, whatever its signer knows.")
@output.json_option
def state(home: Path, out: Path, certain: bool) -> None:
    """Write what this stopped node's ledger and vote journal hold, signed with its vote key.

    A node that may have forgotten votes says so, and counts for less. If only its signer knows of a
    vote more, a crash explains it as well as an old disk: `--certain` if you know that it is no old
    one.
    """
    from ledger.codec import encode
    from node.recovery import ceremony

    with _opened(home) as node:
        made = ceremony.state(node, certain=certain)
    write_new(out, [encode(made)])
    facts = {
        "file": str(out),
        "validator": made.signer,
        "height": made.head.height,
        "doubt": made.doubt,
    }
    output.emit(facts, lambda: _tell_statement(out, made))


@recovery.command()
@click.argument("statements", type=_FILE, nargs=-1, required=True)
@HOME
@click.option("--reason", required=True, help="What happened, for those who sign.")
@_OUT
@output.json_option
def propose(statements: tuple[Path, ...], home: Path, reason: str, out: Path) -> None:
    """Make the recovery that follows from the STATEMENTS of all who go on."""
    from ledger.codec import encode
    from node.recovery import ceremony, documents
    from node.runner import wall_clock_ms

    said = [documents.read_statement(path.read_bytes()) for path in statements]
    with _opened(home) as node:
        made = ceremony.propose(node.store, said, reason, wall_clock_ms())
        write_new(out, [encode(made)])
        _report(ceremony.deciding(node.store), made, out)


@recovery.command()
@click.argument("file", type=_FILE)
@HOME
@output.json_option
def show(file: Path, home: Path) -> None:
    """Make a recovery again from its statements, and show what it says."""
    from node.recovery import ceremony, documents

    made = documents.read_recovery(file.read_bytes())
    with _opened(home) as node:
        ceremony.check(node.store, made)
        _report(ceremony.deciding(node.store), made, file)


@recovery.command()
@click.argument("file", type=_FILE)
@HOME
@click.option("--yes", is_flag=True, help="Do not ask.")
@output.json_option
def sign(file: Path, home: Path, yes: bool) -> None:
    """Sign a recovery; the signature is added to FILE. This node votes no more in the epoch."""
    from ledger.codec import encode
    from node.recovery import ceremony, documents
    from node.runner import wall_clock_ms

    made = documents.read_recovery(file.read_bytes())
    with _opened(home) as node:
        if not yes and not output.wants_json():
            _show(ceremony.deciding(node.store), made)
            click.confirm("Are the others lost for good, and shall these go on?", abort=True)
        signed = ceremony.sign(node, made, wall_clock_ms())
        write_durably(file, [encode(signed)])
        _report(ceremony.deciding(node.store), signed, file)


@recovery.command()
@click.argument("copies", type=_FILE, nargs=-1, required=True)
@_OUT
@output.json_option
def combine(copies: tuple[Path, ...], out: Path) -> None:
    """Join the signatures in several copies of one recovery."""
    from ledger.codec import encode
    from node.recovery import documents

    made = documents.combine([documents.read_recovery(path.read_bytes()) for path in copies])
    write_new(out, [encode(made)])
    facts = {"file": str(out), "signatures": len(made.signatures)}
    output.emit(facts, lambda: output.done(f"{out}: {len(made.signatures)} signatures"))


@recovery.command()
@click.argument("file", type=_FILE)
@HOME
@output.json_option
def apply(file: Path, home: Path) -> None:
    """Put a complete recovery into this stopped node's ledger."""
    from node.recovery import ceremony, documents

    made = documents.read_recovery(file.read_bytes())
    with _opened(home) as node:
        head = ceremony.apply(node.store, made)
    facts = {"home": str(home), "height": head.height, "block": head.hash().hex()}
    output.emit(facts, lambda: output.done(f"{home} is at block {head.height}; next: iic node run"))


@recovery.command()
@click.argument("file", type=_FILE)
@click.argument("store", type=click.Path(path_type=Path, file_okay=False, exists=True))
@output.json_option
def verify(file: Path, store: Path) -> None:
    """Make the survivors' choice again, as an auditor of a ledger that has gone on since.

    STORE is the folder `data/ledger` of any node, or a copy; it is only read, also beside a running
    node, and `iic audit verify` says whether it is sound. FILE is what the survivors combined.
    """
    from ledger.store.disk import open_store
    from node.recovery import documents, hearing

    made = documents.read_recovery(file.read_bytes())
    opened = open_store(store, read_only=True)
    try:
        with opened.snapshot() as ledger:
            validators = hearing.audit(made, ledger)
    finally:
        opened.close()
    _report(validators, made, file)


@recovery.command()
@click.argument("one", type=_FILE)
@click.argument("other", type=_FILE)
@HOME
@output.json_option
def compare(one: Path, other: Path, home: Path) -> None:
    """Name who signed two recoveries of one epoch, with proof; exit status 1 if anybody did."""
    from ledger.codec import encode
    from node.recovery import documents
    from node.recovery.faults import signed_both

    first, second = (documents.read_recovery(path.read_bytes()) for path in (one, other))
    with _opened(home) as node:
        validators = node.store.validators(first.header.epoch)
        if validators is None:
            raise documents.bad(f"this node knows no epoch {first.header.epoch}", "home")
        proofs = signed_both(first, second, node.genesis.chain_id, validators)
    names = [validators.validators[proof.first.signer].name for proof in proofs]
    facts = {
        "same": first.header == second.header,
        "blocks": [made.header.hash().hex() for made in (first, second)],
        "signed_both": [
            {"validator": name, "proof": encode(proof).hex()}
            for name, proof in zip(names, proofs, strict=True)
        ],
    }
    said = ", ".join(names) or "nobody"
    output.emit(facts, lambda: output.facts([("Signed both", said)]))
    if proofs:
        output.finish(Exit.VIOLATION)


@contextmanager
def _opened(home: Path) -> Iterator[OpenNode]:
    from node import config as configuration
    from node import identity
    from node.config import Home
    from node.opening import open_node

    where = Home(home)
    settings = configuration.load(where)
    file = settings.password_file
    node = open_node(where, settings, None if file is None else identity.read_password(file))
    try:
        yield node
    finally:
        node.close()


def _tell_statement(out: Path, made: Statement) -> None:
    output.done(f"{out}: block {made.head.height} and what is above")
    if made.doubt:
        output.facts([("May have forgotten votes", made.doubt)])


class _Names(NamedTuple):
    go_on: list[str]
    lost: list[str]
    doubtful: list[str]
    lies_borne: int


def _names(validators: ValidatorSet, made: Recovery) -> _Names:
    names = [validator.name for validator in validators.validators]
    stay = set(made.survivors)
    return _Names(
        [names[index] for index in made.survivors],
        [name for index, name in enumerate(names) if index not in stay],
        [names[index] for index in made.doubtful],
        validators.lies_borne(len(stay) - len(made.doubtful)),
    )


def _show(validators: ValidatorSet, made: Recovery) -> None:
    names = _names(validators, made)
    borne = names.lies_borne
    output.facts(
        [
            ("Ledger", made.header.chain_id.hex()),
            ("Reason", made.reason),
            ("Block", f"{made.header.height} {made.header.hash().hex()}"),
            ("Which", _CONFIRMS if made.confirms else _HANDS_OVER),
            ("Time", output.moment(made.header.time, local=True)),
            ("Stands on", made.header.parent.hex()),
            ("Sign", ", ".join(names.go_on)),
            ("Lost", ", ".join(names.lost)),
            *((("May have forgotten votes", ", ".join(names.doubtful)),) if names.doubtful else ()),
            (
                "Keeps all that was final",
                f"if at most {borne} of them hide votes"
                if borne
                else "if none of them hides a vote",
            ),
            ("Signatures", f"{len(made.signatures)} of {len(names.go_on)}"),
        ]
    )


def _report(validators: ValidatorSet, made: Recovery, path: Path) -> None:
    names = _names(validators, made)
    facts = {
        "file": str(path),
        "reason": made.reason,
        "height": made.header.height,
        "block": made.header.hash().hex(),
        "parent": made.header.parent.hex(),
        "time": {"iso": output.moment(made.header.time), "ms": made.header.time},
        "survivors": names.go_on,
        "lost": names.lost,
        "confirms": made.confirms,
        "doubtful": names.doubtful,
        "lies_borne": names.lies_borne,
        "signatures": len(made.signatures),
    }
    output.emit(facts, lambda: _show(validators, made))
