"""Real chains for the tests of this folder: keys, transactions, certificates, no contracts."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ledger import merkle, statetree
from ledger.block import Certificate, Header, VoteKind, assemble, sign_vote
from ledger.codec import Struct, Uint, encode
from ledger.genesis import Genesis
from ledger.keys import PrivateKey
from ledger.receipt import NO_PLACE, Place, Posting, Receipt, Signed, receipt_hash
from ledger.state import Overlay, State, Table
from ledger.store.chain import Store, first_block
from ledger.store.interface import Anchor, BlockCommit, EventEntry, Row
from ledger.store.memory import MemoryEnvironment
from ledger.transaction import Transaction, build, transaction_id, wire_hash
from ledger.validators import Validator, ValidatorSet

VECTORS = Path(__file__).parents[2].parent / "shared" / "vectors"
LEIS = (
    "5493001KJTIIGC8Y1R12",
    "549300MLUDYVRQOOXS22",
    "7LTWFZYICNSX8D621K86",
    "HWUPKR0MPOU8FGXBT394",
)


class Account(Struct, tag=1):
    balance: Signed
    count: Uint
    last: Place


ACCOUNTS: Table[Account] = Table("account", Account)


def vote_keys(epoch: int = 0, count: int = 4) -> list[PrivateKey]:
    return [PrivateKey(bytes((epoch + 1, index + 1)) * 16) for index in range(count)]


def validator_set(epoch: int = 0, count: int = 4) -> ValidatorSet:
    return ValidatorSet(
        epoch,
        tuple(
            Validator(
                LEIS[index],
                f"g{index}",
                "CH",
                key.public,
                bytes((epoch, index)),
                f"127.0.0.1:{7000 + index}",
            )
            for index, key in enumerate(vote_keys(epoch, count))
        ),
    )


def genesis_document(count: int = 4) -> Genesis:
    return Genesis("test", 1_000, validator_set(0, count), b"application")


def certify(
    header: Header, *, epoch: int | None = None, signers: tuple[int, ...] = (0, 1, 3)
) -> Certificate:
    epoch = header.epoch if epoch is None else epoch
    keys = vote_keys(epoch)
    return assemble(
        [
            sign_vote(
                header.chain_id,
                keys[signer],
                signer,
                VoteKind.FINALIZE,
                epoch,
                header.view,
                header.hash(),
            )
            for signer in signers
        ]
    )


@dataclass
class Build:
    """A growing chain: payments of 1 from ``LEIS[0]`` to ``LEIS[1]``, with a store below."""

    store: Store
    genesis: Genesis = field(default_factory=genesis_document)
    member: PrivateKey = field(default_factory=lambda: PrivateKey(b"m" * 32))
    salt: int = 0

    def __post_init__(self) -> None:
        self.state = State(self.store)
        self.validators = self.genesis.validators
        if self.store.head is None:
            start = {
                ACCOUNTS.key(LEIS[0], "SCU"): encode(Account(0, 0, NO_PLACE)),
                ACCOUNTS.key(LEIS[1], "SCU"): encode(Account(0, 0, NO_PLACE)),
            }
            start |= {
                ACCOUNTS.key(f"other-{index}", "SCU"): encode(Account(0, 0, NO_PLACE))
                for index in range(100)
            }
            self.store.commit(first_block(self.genesis, start))

    @property
    def chain_id(self) -> bytes:
        return self.genesis.chain_id

    def transaction(self) -> tuple[bytes, bytes]:
        """Id and wire bytes of a new signed transaction."""
        self.salt += 1
        content = build(
            Transaction(
                self.chain_id,
                LEIS[0],
                (("currency.Transfer", LEIS[1], 1),),
                10**13,
                salt=self.salt.to_bytes(8, "big"),
            )
        )
        signed = content.with_signature(self.chain_id, self.member)
        return transaction_id(self.chain_id, signed.content), encode(signed)

    def block(
        self,
        transactions: int = 3,
        *,
        deadlines: int = 1,
        certified: bool = True,
        handover: bool = False,
    ) -> BlockCommit:
        """The next block, not committed."""
        head = self.store.head
        assert head is not None
        height = head.height + 1
        overlay = Overlay(self.state)
        ids, rows, anchors, events = [], [], [], []
        receipts = [
            Receipt(bytes((0xDD, index)) + height.to_bytes(30, "big"), events=(("Fired", index),))
            for index in range(deadlines)
        ]
        rows = [Row(b"", encode(receipt)) for receipt in receipts]
        for _ in range(transactions):
            found, wire = self.transaction()
            index = len(rows)
            postings = []
            for account, amount in ((LEIS[0], -1), (LEIS[1], 1)):
                before = overlay.get(ACCOUNTS, account, "SCU")
                assert before is not None
                after = Account(before.balance + amount, before.count + 1, (height, index))
                overlay.put(ACCOUNTS, after, account, "SCU")
                postings.append(
                    Posting(account, "SCU", amount, after.balance, after.count, before.last)
                )
                if after.count % 4 == 0:
                    anchors.append(Anchor(account, "SCU", after.count, height, index))
                events.append(EventEntry(account.encode(), height, index))
            receipt = encode(Receipt(found, postings=tuple(postings)))
            rows.append(Row(wire, receipt))
            ids.append(found)
        changes = overlay.changes()
        tree = statetree.update(self.chain_id, self.store, changes)
        following = None
        if handover:
            following = validator_set(self.validators.epoch + 1)
        header = Header(
            chain_id=self.chain_id,
            height=height,
            view=head.view + 2,
            epoch=self.validators.epoch,
            parent=head.hash(),
            time=head.time + 500,
            transactions=len(ids),
            receipts=len(rows),
            transactions_root=merkle.tree_head(
                [wire_hash(self.chain_id, row.wire) for row in rows if row.wire]
            ),
            receipts_root=merkle.tree_head(
                [receipt_hash(self.chain_id, row.receipt) for row in rows]
            ),
            state_root=tree.root,
            history_root=self.store.history().root(),
            validators_hash=self.validators.hash(self.chain_id),
            next_validators_hash=(following or self.validators).hash(self.chain_id),
        )
        self._overlay = overlay
        return BlockCommit(
            header,
            certify(header) if certified or handover else None,
            rows,
            dict.fromkeys(ids, head.time + 1_000),
            changes,
            tree.pages,
            anchors,
            events,
            following,
        )

    def grow(self, blocks: int = 1, transactions: int = 3, **options: bool) -> None:
        for _ in range(blocks):
            block = self.block(transactions, **options)
            self.store.commit(block)
            self.state.absorb(self._overlay)
            self.validators = block.validators or self.validators


def memory_chain() -> Build:
    return Build(Store(MemoryEnvironment()))
