"""By which of its keys this node votes, and whether it may yet.

A node holds the keys of its register entry and those that ``iic node rotate`` made for the next
one; each epoch's validators name the pair that counts. A node with votes to forget is silent until
its peers have vouched (:mod:`node.vouching`), one that signed a recovery until that has ended the
epoch (:mod:`node.recovery`).
"""

from __future__ import annotations

from ledger.errors import CodedError
from ledger.state import State
from ledger.validators import ValidatorSet
from node import continuity, identity, limits
from node.consensus.config import Identity
from node.logs import logger
from node.messages import Voucher
from node.opening import OpenNode, in_force
from node.replica.records import recall
from node.vouching import Vouching, known_view

_log = logger("node")
YIELDED = "it has signed a recovery of this epoch, waits for that, and casts no vote before"


class Voice:
    """This node's part in deciding. ``started_ms`` is the wall clock when its process started.

    ``keys`` are those in force now, by which its peers know it.
    """

    def __init__(self, opened: OpenNode, started_ms: int) -> None:
        self._opened = opened
        self._started_ms = started_ms
        self._all_keys = list(opened.identities)
        self._folders = set(identity.folders(opened.home.path))
        self.keys = opened.identity
        self._vouching: Vouching | None = None
        self._vouched_epoch = -1

    def among(self, validators: ValidatorSet) -> Identity:
        """Which of this node's keys decides among these validators; none while it is in doubt."""
        self.load_new_keys()
        self._vouching = None
        try:
            self.keys = in_force(self._all_keys, validators, State(self._opened.store))
        except CodedError as error:
            # Peers refuse the certificate; consensus goes on without this node's vote.
            _log.error("this node's keys are not those of the register", text=error.message)
            return Identity()
        index = validators.index_of(self.keys.vote_key.public)
        if index is None or self.has_yielded(validators.epoch):
            return Identity()
        self._vouching = self._who_vouches(validators, index)
        return Identity() if self._vouching is not None else Identity(index, self.keys.vote_key)

    @property
    def is_awaited(self) -> bool:
        """Whether peers are still to vouch for it."""
        return self._vouching is not None

    @property
    def is_vouched_for(self) -> bool:
        """Whether so many peers have vouched that a quorum is there; see :meth:`enter`."""
        return self._vouching is not None and self._vouching.done

    def hear(self, peer: int, name: str, message: Voucher) -> str:
        """Take a validator's word; what speaks against voting, as a sentence, if anything does."""
        if self._vouching is None:
            return ""
        forgotten = self._vouching.answered(peer, message)
        if forgotten is None:
            return ""
        reason = f"{name} holds this node's vote in view {forgotten.view}, unknown here"
        continuity.doubt(self._opened.home, reason)
        return reason

    def enter(self, epoch: int) -> None:
        """Nobody need vouch any more in this epoch."""
        self._vouching = None
        self._vouched_epoch = epoch

    def waiting_for(self, epoch: int) -> tuple[str, ...]:
        """Why it casts no vote yet, as sentences."""
        reasons = [YIELDED] if self.has_yielded(epoch) else []
        if self._vouching is not None:
            reasons.append(self._vouching.waiting_for())
        return tuple(reasons)

    def has_yielded(self, epoch: int) -> bool:
        """Whether this node signed a recovery that ends this epoch, and votes no more before it."""
        return continuity.recovery_signed(self._opened.home)[0] >= epoch

    def load_new_keys(self) -> None:
        """Take up keys that ``iic node rotate`` has made, before or as the register names them."""
        home = self._opened.home.path
        for folder in set(identity.folders(home)) - self._folders:
            try:
                self._all_keys.append(identity.load(home, self._opened.password, folder))
            except CodedError as error:
                _log.error("new keys cannot be read", folder=folder, reason=error.message)
            else:
                self._folders.add(folder)
                _log.info("new keys are at hand", folder=folder)

    def _who_vouches(self, validators: ValidatorSet, number: int) -> Vouching | None:
        """Who must vouch for this node's votes in an epoch; None where it has none to forget.

        That is a node that never voted or casts no vote, and an epoch that began while this
        process ran.
        """
        opened, head = self._opened, self._opened.store.head
        assert head is not None, "an open node has block 0"
        if opened.first_start or opened.abstain_below == continuity.NEVER:
            return None
        began_now = head.time > self._started_ms + limits.DOUBT_MS
        if began_now or validators.epoch == self._vouched_epoch:
            return None
        votes = recall(opened.journal.load()).votes
        known = known_view(head.view, votes, number, opened.abstain_below)
        public = self.keys.vote_key.public
        return Vouching(opened.genesis.chain_id, public, known, validators.quorum - 1)
