"""What the demo says at its end: the outcome, the books per state, proofs, and what to do next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from cli import output
from cli.localcluster import LocalCluster
from cli.scenario.handover import MAIN
from cli.scenario.play import Played
from contracts.books import Books
from node.api.models import PartyView, SupplyAnswer


class Story(NamedTuple):
    """What was played, and what the ledger says afterwards.

    ``verification`` and ``certificate`` are what the offline verifications of a receipt and of a
    preference certificate printed, empty if the story has none; ``holding`` counts the invariants
    that hold.
    """

    scenario: str
    acts: list[Played]
    parties: list[PartyView]
    supply: SupplyAnswer
    books: Books
    receipt: Path | None
    verification: str
    certificate: str
    holding: int
    seconds: float


class Ending(NamedTuple):
    """A story, the nodes that it was played on, and the folder in which they go on, if they do."""

    story: Story
    cluster: LocalCluster
    kept: Path | None

    def as_json(self) -> dict[str, Any]:
        """The facts for scripts."""
        story = self.story
        refused = sum((act.refused for act in story.acts), Counter[str]())
        homes = _homes(story.parties)
        return {
            "scenario": story.scenario,
            "seconds": round(story.seconds, 1),
            "transactions": sum(act.sent for act in story.acts),
            "applied": sum(act.applied for act in story.acts),
            "refused": dict(sorted(refused.items())),
            "height": story.books.blocks,
            "members": sum(p.standing == "admitted" for p in story.parties),
            "supply": {
                state.state: {
                    "outstanding": state.outstanding.amount,
                    "reserve": state.reserve.amount,
                }
                for state in story.supply.states
            },
            "postings": story.books.postings,
            "trial_balance": [line._asdict() for line in story.books.trial_balance()],
            "trial_balance_by_state": [sums._asdict() for sums in story.books.by_state(homes)],
            "invariants_holding": story.holding,
            "receipt_verified": bool(story.verification),
            "certificate_verified": bool(story.certificate),
            "urls": list(self.cluster.urls) if self.kept else [],
            "kept": str(self.kept) if self.kept else None,
        }

    def tell(self) -> None:
        """The same in words and tables."""
        story = self.story
        sent = sum(act.sent for act in story.acts)
        applied = sum(act.applied for act in story.acts)
        output.done(
            f"{sent} transactions: {applied} applied, {sent - applied} refused as they must be; "
            f"{story.seconds:.1f} s in all"
        )
        _tell_members(story.parties)
        output.table(
            ("SUPPLY", ("OUTSTANDING", "right"), ("ATTESTED RESERVE", "right")),
            [(s.state, s.outstanding.text, s.reserve.text) for s in story.supply.states],
        )
        _tell_books(story.books)
        _tell_states(story.books, _homes(story.parties))
        output.done(
            f"{story.holding} invariants hold on a node's store, executed again from genesis"
        )
        _tell_proof("A receipt, verified offline from the genesis file alone:", story.verification)
        _tell_proof(
            "Customs' relief for a lot, verified offline from the text of its QR codes:",
            story.certificate,
        )
        output.say(f"\nExplorer {self._url}   API {self._url}/v1/openapi.json")
        if self.kept is None:
            output.say("The nodes are stopped and their data deleted. To go on by hand:")
            output.say("  iic demo --keep demo-data        (or: make demo KEEP=demo-data)")
        else:
            self._tell_next(self.kept)

    @property
    def _url(self) -> str:
        """Where a node answers, or did until it was stopped."""
        running = (node.url for node in self.cluster.nodes if node.is_running)
        return next(running, self.cluster.urls[0])

    def _tell_next(self, kept: Path) -> None:
        cluster = self.cluster
        home = cluster.nodes[0].home.path
        output.say(f"The nodes go on. Profile: {MAIN}   Data: {kept}")
        output.say("Next, as an enterprise (Ural Gear Works):")
        output.say("  iic wallet balance")
        output.say('  iic wallet pay "Volga Bearings" 1500.00 --ref INV-42')
        output.say("  iic wallet todo --profile demo-volga-bearings")
        output.say("Next, as a guarantor:")
        output.say(f"  iic node status --home {home}")
        output.say(f"  kill -9 {cluster.nodes[-1].pid}    # then pay again: three of four go on")
        output.say("Next, as an auditor:")
        if self.story.receipt is not None:
            output.say(
                f"  iic audit verify-receipt {self.story.receipt} --genesis {cluster.genesis_file}"
            )
        output.say(f"  curl {self._url}/v1/supply")
        peers = " ".join(f"--peer {url}" for url in cluster.urls)
        where = f"--genesis {cluster.genesis_file} --home {kept / 'auditor'}"
        output.say(f"  iic audit follow {where} {peers}")
        output.say(f"End it with: iic demo stop {kept}")


def _homes(parties: Sequence[PartyView]) -> dict[str, str]:
    return {party.lei: party.home for party in parties}


def _tell_proof(title: str, text: str) -> None:
    if text:
        output.say(f"\n{title}")
        output.say("\n".join(f"  {line.rstrip()}" for line in text.splitlines()))


def _tell_members(parties: Sequence[PartyView]) -> None:
    standings = Counter(p.standing for p in parties if not p.offices or p.kind != "institution")
    output.table(
        ("ENTERPRISES", ("NUMBER", "right")), [(s, n) for s, n in sorted(standings.items())]
    )


def _tell_books(books: Books) -> None:
    lines = [line for line in books.trial_balance() if line.debit or line.credit]
    rows: list[tuple[Any, ...]] = [
        (line.unit, line.kind, line.accounts, output.money(line.debit), output.money(line.credit))
        for line in lines
    ]
    for unit in sorted({line.unit for line in lines}):
        debit = sum(line.debit for line in lines if line.unit == unit)
        credit = sum(line.credit for line in lines if line.unit == unit)
        rows.append((unit, "total", "", output.money(debit), output.money(credit)))
    output.table(
        ("UNIT", "KIND", ("ACCOUNTS", "right"), ("DEBIT", "right"), ("CREDIT", "right")),
        rows,
        title=f"Trial balance, rebuilt from {books.postings} postings in {books.blocks} blocks",
    )


def _tell_states(books: Books, homes: dict[str, str]) -> None:
    output.table(
        ("STATE", "UNIT", ("DEBIT", "right"), ("CREDIT", "right")),
        [
            (sums.state, sums.unit, output.money(sums.debit), output.money(sums.credit))
            for sums in books.by_state(homes)
            if sums.debit or sums.credit
        ],
        title="Trial balance per state",
    )
