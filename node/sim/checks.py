"""What must hold in every run, checked while it happens.

The checks know the plan, so they know who is honest; they believe no node. They count quorums by
themselves, so a node that counts wrongly is found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.block import Certificate, Header, Vote, VoteKind, vote_bytes
from ledger.evidence import DoubleVote, conflicting
from ledger.store.interface import BlockCommit
from node.consensus.evidence import exclusive
from node.messages import Message, Proposal
from node.replica.effects import Alarm
from node.replica.records import recall

if TYPE_CHECKING:
    from node.sim.host import Host
    from node.sim.world import World


class Violation(Exception):
    """A promise is broken; ``promise`` names it and the text says how."""

    def __init__(self, promise: str, text: str) -> None:
        super().__init__(f"{promise}: {text}")
        self.promise = promise


class Checks:
    """The ledger as an all-knowing observer sees it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.chain: list[bytes] = [world.genesis_hash]
        """Hashes of final blocks by height, as the first honest node committed them."""
        self._durable: dict[int, int] = {}
        self._votes: dict[int, dict[int, list[Vote]]] = {}
        self._saved: dict[int, set[Vote]] = {}
        self._certificates: dict[int, list[Certificate]] = {}
        self._checked: set[tuple[VoteKind, int, bytes]] = set()
        self._parents: dict[bytes, tuple[bytes, int]] = {}
        """By block, its parent and its own view: what its hash commits to, whoever sends it."""
        self._notarized: dict[int, bytes] = {}
        self._final: dict[int, bytes] = {0: world.genesis_hash}

    # -- votes and certificates ------------------------------------------------------------------

    def broadcast(self, host: Host, message: Message) -> None:
        """An honest node's vote is durable and contradicts none before; certificates are sound."""
        if host.wicked is not None:
            return
        if isinstance(message, Vote):
            self._vote(host, message)
        elif isinstance(message, Certificate):
            self._certificate(message)

    def persisted(self, host: Host, records: tuple[bytes, ...]) -> None:
        """Records are durable on a machine."""
        self._saved.setdefault(host.number, set()).update(recall(records).votes)

    def _vote(self, host: Host, vote: Vote) -> None:
        if vote not in self._saved.get(host.number, ()):
            self.started(host)
        if vote not in self._saved.get(host.number, ()):
            raise Violation("persist before send", f"m{host.number} sends {_show(vote)} unsaved")
        earlier = self._votes.setdefault(host.index, {}).setdefault(vote.view, [])
        for other in earlier:
            if conflicting(vote, other):
                raise Violation(
                    "no contradiction", f"m{host.number} votes {_show(vote)} after {_show(other)}"
                )
        if vote not in earlier:
            earlier.append(vote)

    def _certificate(self, certificate: Certificate) -> None:
        known = self._certificates.setdefault(certificate.view, [])
        self.sound(certificate)
        for other in known:
            if exclusive(certificate, other):
                raise Violation(
                    "exclusive certificates",
                    f"{_show(certificate)} and {_show(other)} both exist",
                )
        if not any(other.kind is certificate.kind for other in known):
            known.append(certificate)
            self._ancestry(certificate)

    def proposed(self, proposal: Proposal) -> None:
        """Anybody, wicked or not, has sent a proposal."""
        self._parents[proposal.block] = (proposal.header.parent, proposal.header.view)

    def _ancestry(self, certificate: Certificate) -> None:
        """Every notarized block of a view above a final one descends from the final block."""
        view, block = certificate.view, certificate.block
        match certificate.kind:
            case VoteKind.NOTARIZE:
                self._notarized[view] = block
                below = max(v for v in self._final if v < view)
                self._descends(block, view, self._final[below], below)
            case VoteKind.FINALIZE:
                self._final[view] = block
                for above, notarized in self._notarized.items():
                    if above > view:
                        self._descends(notarized, above, block, view)
            case VoteKind.NULLIFY:
                pass

    def _descends(self, block: bytes, view: int, ancestor: bytes, floor: int) -> None:
        at = block
        while at in self._parents and self._parents[at][1] > floor:
            at = self._parents[at][0]
        known = at in self._parents or at == self._world.genesis_hash
        if known and at != ancestor:
            raise Violation(
                "finalized ancestry",
                f"the block notarized in view {view} does not descend from view {floor}'s, final",
            )

    def sound(self, certificate: Certificate) -> None:
        """A certificate holds n - f genuine votes of distinct validators; counted here anew."""
        what = (certificate.kind, certificate.view, certificate.block)
        if what in self._checked:
            return
        members = self._world.validators
        n = members.size
        need = n - (n - 1) // 3
        body = vote_bytes(self._world.chain_id, certificate.kind, certificate.epoch, *what[1:])
        genuine = {
            entry.signer
            for entry in certificate.signatures
            if entry.signer < n
            and self._world.verify(members.validators[entry.signer].vote_key, body, entry.signature)
        }
        if len(genuine) < need:
            raise Violation(
                "valid certificates", f"{_show(certificate)} stands on {sorted(genuine)}"
            )
        self._checked.add(what)

    # -- blocks ----------------------------------------------------------------------------------

    def committed(self, host: Host, block: BlockCommit) -> None:
        """Honest nodes commit the same block at each height, each on the one before."""
        if host.wicked is not None:
            return
        header = block.header
        found = header.hash()
        self._durable[host.number] = header.height
        if header.height < len(self.chain):
            if self.chain[header.height] != found:
                raise Violation(
                    "agreement",
                    f"m{host.number} commits {found.hex()[:8]} at height {header.height}, "
                    f"another node {self.chain[header.height].hex()[:8]}",
                )
        elif header.height > len(self.chain):
            raise Violation("no gaps", f"m{host.number} commits height {header.height} too early")
        else:
            if header.parent != self.chain[-1]:
                raise Violation("one chain", f"block {header.height} has another parent")
            self.chain.append(found)
            self._world.application.committed(host.disk)
        if block.certificate is not None:
            named = (block.certificate.kind, block.certificate.view, block.certificate.block)
            if named != (VoteKind.FINALIZE, header.view, found):
                raise Violation("valid certificates", "a block is stored with another's")
            self.sound(block.certificate)

    def announced(self, host: Host, block: BlockCommit) -> None:
        """What clients are told is durable."""
        head = host.disk.store.head
        if head is None or head.height < block.header.height:
            raise Violation("durability", f"m{host.number} announces a block before storing it")

    def started(self, host: Host) -> None:
        """After a power cut, everything that was durable is still there."""
        self._saved[host.number] = set(recall(host.disk.journal.load()).votes)
        if host.wicked is not None:
            return
        head = host.disk.store.head
        height = -1 if head is None else head.height
        if height < self._durable.get(host.number, 0):
            raise Violation("durability", f"m{host.number} has lost block {height + 1}")
        if head is not None:
            self._same(host, head)

    def wiped(self, host: Host) -> None:
        """A machine has lost its disk, so nothing is durable on it."""
        self._durable.pop(host.number, None)
        self._saved.pop(host.number, None)

    def _same(self, host: Host, head: Header) -> None:
        """A store may be one block ahead of the chain here: committed as the power failed."""
        if head.height < len(self.chain) and self.chain[head.height] != head.hash():
            raise Violation("durability", f"m{host.number} starts with another block")
        if head.height == len(self.chain):
            self.chain.append(head.hash())
            self._world.application.committed(host.disk)

    def alarm(self, host: Host, alarm: Alarm) -> None:
        """No honest node ever has a reason to stop."""
        if alarm.fatal and host.wicked is None:
            raise Violation("no stop", f"m{host.number} stops: {alarm.code}: {alarm.text}")

    def evidence(self, evidence: DoubleVote) -> None:
        """Only the wicked are ever convicted, and rightly."""
        world = self._world
        signer = evidence.verify(world.chain_id, world.validators, world.verify)
        if signer not in world.wicked_indices:
            raise Violation("just evidence", f"validator {signer} is honest and was convicted")


def _show(thing: Vote | Certificate) -> str:
    return f"{thing.kind.name.lower()} {thing.view} {thing.block.hex()[:8]}"
