"""From final to durable: blocks are committed in order, each once, on the ledger's newest block."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from ledger.block import Certificate
from node.replica.blocktree import BlockTree, ExecutedBlock
from node.replica.effects import Commit, Effect


class Finality:
    """Which blocks are on their way into the store, and the finalizations that go with them."""

    def __init__(
        self,
        tree: BlockTree,
        emit: Callable[[Effect], None],
        halt: Callable[[str, str], None],
    ) -> None:
        self.tree = tree
        self._emit = emit
        self._halt = halt
        self._issued: deque[ExecutedBlock] = deque()
        self._certificates: dict[bytes, Certificate] = {}

    @property
    def newest(self) -> ExecutedBlock:
        """The newest final block: committed, or handed out to be."""
        return self._issued[-1] if self._issued else self.tree.head

    def certify(self, certificate: Certificate) -> None:
        """Keep a block's own finalization for its commit."""
        self._certificates[certificate.block] = certificate

    def issue(self, block: ExecutedBlock) -> None:
        """Have ``block`` and its ancestors above :attr:`newest` committed, oldest first."""
        last = self.newest
        path: list[ExecutedBlock] = []
        for ancestor in self.tree.ancestors(block):
            if ancestor is last:
                break
            path.append(ancestor)
        if path and path[-1].header.parent != last.hash:
            self._halt("FORK", f"final block {block.hash.hex()} does not extend the ledger")
            return
        for ready in reversed(path):
            assert ready.commit is not None, "only the head has none"
            certificate = self._certificates.pop(ready.hash, None)
            ready.commit = ready.commit._replace(certificate=certificate)
            self._issued.append(ready)
            self._emit(Commit(ready.commit))

    def committed(self, height: int) -> ExecutedBlock:
        """The oldest block on its way is durable and becomes the tree's head."""
        block = self._issued.popleft()
        assert block.header.height == height, "commits are answered in order"
        self.tree.committed(block)
        view = block.header.view
        self._certificates = {b: c for b, c in self._certificates.items() if c.view > view}
        return block
