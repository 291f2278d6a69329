"""Opening a node's home: genesis, keys, store, journal, and what they must agree on."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import NamedTuple

from contracts.validators.views import admitted
from contracts.verifier import validators_after
from ledger.errors import BAD_GENESIS, CodedError
from ledger.genesis import Genesis
from ledger.journal import Journal, open_journal
from ledger.state import State
from ledger.store.chain import Store
from ledger.validators import ValidatorSet
from node import continuity, identity
from node.config import Home, NodeConfig
from node.errors import BAD_KEY_FILE
from node.founding import open_founded, read_genesis
from node.identity import NodeIdentity, read_certificate
from node.network.roster import Entry, Roster


class OpenNode(NamedTuple):
    """Everything on disk that a running node needs. ``number`` is its validator index,
    None for an observer."""

    home: Home
    config: NodeConfig
    genesis: Genesis
    identity: NodeIdentity
    number: int | None
    store: Store
    journal: Journal
    identities: tuple[NodeIdentity, ...] = ()
    """All keys of this node, of which ``identity`` is the one in force."""
    password: bytes | None = None
    """What opens them, for keys that are made while the node runs."""
    abstain_below: int = 0
    """The view below which this node casts no vote (:mod:`node.continuity`)."""
    first_start: bool = False
    """Whether the node has never been started before, and so has no votes to forget."""

    def close(self) -> None:
        """Release store and journal."""
        self.journal.close()
        self.store.close()


def open_node(home: Home, config: NodeConfig, password: bytes | None = None) -> OpenNode:
    """Open a node's home; a new store starts with block 0.

    Raises ``BAD_GENESIS``, ``BAD_KEY_FILE``, ``VOTES_LOST``, ``STORE_LOCKED``, ``STORE_CORRUPT``,
    ``STORE_FULL`` or ``OSError``.
    """
    genesis = read_genesis(home)
    identities = tuple(
        identity.load(home.path, password, folder) for folder in identity.folders(home.path)
    )
    with ExitStack() as opened:
        store = open_founded(home, genesis)
        opened.callback(store.close)
        home.votes.mkdir(parents=True, exist_ok=True)
        journal = open_journal(home.votes)
        opened.callback(journal.close)
        head = store.head
        assert head is not None, "a founded store holds block 0"
        if head.chain_id != genesis.chain_id:
            raise CodedError(
                BAD_GENESIS,
                f"{home.ledger} holds ledger {head.chain_id.hex()[:16]}…, the genesis document "
                f"is that of {genesis.chain_id.hex()[:16]}…",
                field="chain_id",
            )
        validators = validators_after(store, head)
        keys = in_force(identities, validators, State(store))
        index = validators.index_of(keys.vote_key.public)
        first = not continuity.has_voted(home)
        abstain_below = continuity.require_votes(home)
        opened.pop_all()
        return OpenNode(
            home,
            config,
            genesis,
            keys,
            index,
            store,
            journal,
            identities,
            password,
            abstain_below,
            first,
        )


def in_force(
    identities: Sequence[NodeIdentity], validators: ValidatorSet, state: State
) -> NodeIdentity:
    """The keys by which others know this node: a validator's, or those of its entry, or its first.

    Raises ``BAD_KEY_FILE`` if a validator's vote key is here and its certificate is not.
    """
    entries = list(validators.validators)
    entries += [node.validator for node in admitted(state)]
    by_entry = {(i.vote_key.public, i.certificate): i for i in identities}
    for entry in entries:
        found = by_entry.get((entry.vote_key, entry.certificate))
        if found is not None:
            return found
    for keys in identities:
        if validators.index_of(keys.vote_key.public) is not None:
            raise CodedError(
                BAD_KEY_FILE,
                "the TLS certificate is not the one registered with this node's vote key",
                field=str(keys.tls.certificate),
            )
    return identities[0]


def roster_of(config: NodeConfig, validators: ValidatorSet, state: State | None = None) -> Roster:
    """Who may connect: an epoch's validators, nodes of the register that have no vote, and others
    that this node's configuration admits."""
    entries = [
        Entry(0, o.name, bytes.fromhex(o.node_key), read_certificate(o.certificate), "")
        for o in config.observers
    ]
    for node in admitted(state) if state is not None else ():
        v = node.validator
        entries.append(Entry(0, v.name, v.vote_key, v.certificate, ""))
    known = {v.certificate for v in validators.validators}
    others = {e.certificate: e for e in reversed(entries) if e.certificate not in known}
    for peer in config.peers:
        certificate = read_certificate(peer.certificate)
        if certificate not in known:
            node_key = bytes.fromhex(peer.node_key)
            others[certificate] = Entry(0, peer.name, node_key, certificate, peer.address)
    return Roster.of(validators, (e._replace(peer=-1 - n) for n, e in enumerate(others.values())))
