"""LMDB on disk: atomic, synced, checksummed, growing by itself, opened once.

What LMDB needs to be told, and where it is:

* It detects no bit rot, so each record ends in the CRC-32 of its table, key and value, verified at
  every read.
* Its map has a fixed size that may change only while no transaction is open; :meth:`write` grows
  it and repeats the same batch.
* An open reader stops pages from being used again. All threads share one read transaction, which
  is renewed after each write, so an idle thread holds nothing back. Snapshots have their own.
* It must not be opened twice in a process or used across a fork. A file lock covers both
  processes and handles; a changed process id is refused.
* After a failed write or sync nothing on disk can be relied on in this process (a second fsync may
  report success for lost data), so the environment accepts no further write.
"""

from __future__ import annotations

import errno
import fcntl
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any

import lmdb

from ledger.errors import STORE_CORRUPT, STORE_FULL, STORE_LOCKED, CodedError
from ledger.store.checksums import is_intact, seal, unseal
from ledger.store.files import FULL
from ledger.store.tables import MAX_KEY_BYTES, Change, Reader, Table

_GROWTH_STEP = 1 << 30
_LEAST_MAP = 256 << 10
"""Room for the tables themselves, which are created before the map can grow."""
_SNAPSHOT_WAIT = 10.0
"""Seconds that a growing map waits for open snapshots before it ends them."""


class LmdbEnvironment:
    """One LMDB directory. Reads from any thread, writes from one.

    Raises ``STORE_LOCKED`` if the directory is open elsewhere. ``read_only`` opens it beside its
    owner without a lock; :meth:`get` and :meth:`scan` then read the content at opening and
    :meth:`snapshot` the newest. ``bulk`` is for filling a new directory: nothing is durable
    before :meth:`sync`.
    """

    def __init__(
        self,
        path: Path,
        tables: Sequence[Table],
        *,
        read_only: bool = False,
        bulk: bool = False,
        map_bytes: int = 64 << 20,
    ) -> None:
        self.path = path
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)
        self._snapshots = 0
        self._growing = False
        self._failed = False
        self._lock_file = None if read_only else _lock_directory(path)
        try:
            self._env = lmdb.open(
                str(path),
                map_size=max(map_bytes, _LEAST_MAP),
                max_dbs=len(Table),
                readonly=read_only,
                create=not read_only,
                sync=not bulk,
                readahead=False,  # reads are random; read-ahead would only fill memory
            )
            self._dbs = {
                table: self._env.open_db(table.name.lower().encode(), create=not read_only)
                for table in tables
            }
            self._read = self._env.begin()
        except lmdb.Error as error:
            self._unlock()
            raise _translated(error, path) from error

    def get(self, table: Table, key: bytes) -> bytes | None:
        """The value of a key, or None."""
        with self._lock:
            return self._get(self._read, table, key)

    def scan(self, table: Table, start: bytes, limit: int) -> list[tuple[bytes, bytes]]:
        """At most ``limit`` records with keys ≥ ``start``, ascending."""
        with self._lock:
            return self._scan(self._read, table, start, limit)

    def write(self, changes: Sequence[Change]) -> None:
        """Apply all changes or none; on return they are on disk.

        Raises ``STORE_FULL`` when the disk is, and ``OSError`` for other failures of the disk.
        """
        if self._failed:
            raise OSError(errno.EIO, f"{self.path}: a write failed earlier; open the store again")
        if os.getpid() != self._pid:
            raise RuntimeError("a store is not usable across a fork")
        batch = [(change, _sealed(change)) for change in changes]
        try:
            while not self._try_write(batch):
                self._grow()
        except lmdb.Error as error:
            self._failed = True
            size = sum(len(key) + len(value) for _, puts in batch for key, value in puts)
            if "Input/output error" in str(error) and is_full(self.path, size):
                # LMDB reports a write that the file system cut short in this way.
                raise _full(self.path) from error
            raise _translated(error, self.path) from error
        with self._lock:
            self._read.abort()
            self._read = self._env.begin()

    def sync(self) -> None:
        """Make what a ``bulk`` environment wrote durable."""
        try:
            self._env.sync(True)
        except lmdb.Error as error:
            self._failed = True
            raise _translated(error, self.path) from error

    def _try_write(self, batch: Sequence[tuple[Change, list[tuple[bytes, bytes]]]]) -> bool:
        """False, and nothing written, if the map is too small."""
        try:
            with self._env.begin(write=True) as transaction:
                for change, puts in batch:
                    db = self._dbs[change.table]
                    if len(puts) != len(change.items):
                        for key, value in change.items:
                            if value is None:
                                transaction.delete(key, db=db)
                    if puts:
                        with transaction.cursor(db=db) as cursor:
                            cursor.putmulti(puts, append=change.appends)
        except lmdb.MapFullError:
            return False
        return True

    def _grow(self) -> None:
        size = self._env.info()["map_size"]
        with self._idle:
            self._growing = True
            try:
                self._idle.wait_for(lambda: self._snapshots == 0, _SNAPSHOT_WAIT)
                self._read.abort()
                # Ends a snapshot that outlived the wait: its next read raises lmdb.Error.
                self._env.set_mapsize(min(2 * size, size + _GROWTH_STEP))
                self._read = self._env.begin()
            finally:
                self._growing = False
                self._idle.notify_all()

    @contextmanager
    def snapshot(self) -> Iterator[Reader]:
        """Reads of one unchanging content; while it is open the file cannot reuse pages."""
        with self._idle:
            self._idle.wait_for(lambda: not self._growing)
            reader = _Snapshot(self, self._begin())
            self._snapshots += 1
        try:
            yield reader
        finally:
            with self._idle:
                reader.end()
                self._snapshots -= 1
                self._idle.notify_all()

    def _begin(self) -> Any:
        try:
            return self._env.begin()
        except lmdb.MapResizedError:  # by the process that owns the store
            self._env.set_mapsize(0)
            self._read = self._env.begin()
            return self._env.begin()

    def damaged(self) -> Iterator[tuple[Table, bytes]]:
        """Every record that fails its checksum, and a table whose pages cannot be walked.

        The walk goes chunk by chunk over the newest content, so writes may go on.
        """
        for table in self._dbs:
            start = b""
            while start is not None:
                with self.snapshot() as reader:
                    assert isinstance(reader, _Snapshot)
                    try:
                        records = reader.raw(table, start, 1024)
                    except lmdb.Error:
                        yield table, start
                        break
                for key, stored in records:
                    if not is_intact(table, key, stored):
                        yield table, key
                if len(records) < 1024:
                    break
                start = records[-1][0] + b"\0"

    def oldest_reader(self) -> tuple[int, int] | None:
        """Process id and lag, in commits, of the reader of another process that is most behind.

        Readers whose processes are gone are cleared first: they hold back nothing.
        """
        with self._lock:
            self._env.reader_check()
            last = self._env.info()["last_txnid"]
            lines = self._env.readers().splitlines()[1:]
        found = [line.split() for line in lines]
        others = [
            (last - int(transaction), int(pid))
            for pid, _, transaction in (entry for entry in found if len(entry) == 3)
            if transaction.isdecimal() and int(pid) != self._pid
        ]
        return max(others)[::-1] if others else None

    def close(self) -> None:
        """Release the files; closing twice is harmless."""
        with self._lock:
            self._env.close()
        self._unlock()

    def _unlock(self) -> None:
        if self._lock_file is not None:
            os.close(self._lock_file)
            self._lock_file = None

    def _get(self, transaction: Any, table: Table, key: bytes) -> bytes | None:
        if not 0 < len(key) <= MAX_KEY_BYTES:
            return None
        try:
            stored = transaction.get(key, db=self._dbs[table])
        except lmdb.CorruptedError as error:
            raise _translated(error, self.path) from error
        return None if stored is None else unseal(table, key, stored)

    def _scan(
        self, transaction: Any, table: Table, start: bytes, limit: int
    ) -> list[tuple[bytes, bytes]]:
        records = self._raw(transaction, table, start, limit)
        return [(key, unseal(table, key, stored)) for key, stored in records]

    def _raw(
        self, transaction: Any, table: Table, start: bytes, limit: int
    ) -> list[tuple[bytes, bytes]]:
        with transaction.cursor(db=self._dbs[table]) as cursor:
            if not (cursor.set_range(start) if start else cursor.first()):
                return []
            return list(islice(cursor.iternext(), limit))


class _Snapshot:
    """Reads within one read transaction."""

    def __init__(self, environment: LmdbEnvironment, transaction: Any) -> None:
        self._environment = environment
        self._transaction = transaction

    def end(self) -> None:
        """Give the slot in the reader table back.

        LMDB's binding keeps an ended transaction's slot until the object is gone, and whoever read
        may be part of a reference cycle that lives for minutes; so it is let go of here.
        """
        self._transaction.abort()
        self._transaction = None

    def get(self, table: Table, key: bytes) -> bytes | None:
        """The value of a key, or None."""
        with self._environment._lock:
            return self._environment._get(self._transaction, table, key)

    def scan(self, table: Table, start: bytes, limit: int) -> list[tuple[bytes, bytes]]:
        """At most ``limit`` records with keys ≥ ``start``, ascending."""
        with self._environment._lock:
            return self._environment._scan(self._transaction, table, start, limit)

    def raw(self, table: Table, start: bytes, limit: int) -> list[tuple[bytes, bytes]]:
        """As :meth:`scan`, checksums included and not verified."""
        with self._environment._lock:
            return self._environment._raw(self._transaction, table, start, limit)


def _sealed(change: Change) -> list[tuple[bytes, bytes]]:
    """The records to put, in the order given, each with its checksum."""
    table = change.table
    return [(key, seal(table, key, value)) for key, value in change.items if value is not None]


def _lock_directory(path: Path) -> int:
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(path / "LOCK", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        owner = os.pread(handle, 32, 0).decode("ascii", "replace").strip() or "unknown"
        os.close(handle)
        raise CodedError(
            STORE_LOCKED, f"{path} is open in process {owner}; stop it first"
        ) from None
    with suppress(OSError):  # only a hint for the message above
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
    return handle


@contextmanager
def at_rest(path: Path) -> Iterator[bool]:
    """Whether no process has a directory open for writing; while it lasts, none opens it."""
    try:
        handle = os.open(path / "LOCK", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:  # a copy that was never opened
        yield True
        return
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True
    finally:
        os.close(handle)


def _full(path: Path) -> CodedError:
    return CodedError(
        STORE_FULL,
        f"no space left to write {path}; nothing of this write was stored. "
        "Free disk space or raise the quota, then start the node again",
    )


def is_full(path: Path, size: int) -> bool:
    """Whether a directory's data file could not grow by ``size`` bytes, tried on another file."""
    probe = path / "PROBE"
    try:
        handle = os.open(probe, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(handle, (path / "data.mdb").stat().st_size, size + (1 << 20))
        finally:
            os.close(handle)
    except OSError as error:
        return error.errno in FULL
    finally:
        with suppress(OSError):
            probe.unlink()
    return False


def _translated(error: lmdb.Error, path: Path) -> Exception:
    """The error that callers know for one of LMDB's."""
    text = str(error)
    if isinstance(error, lmdb.DiskError) or any(os.strerror(code) in text for code in FULL):
        return _full(path)
    if isinstance(error, lmdb.CorruptedError | lmdb.PageNotFoundError | lmdb.InvalidError):
        return CodedError(STORE_CORRUPT, f"{path} is damaged: {text}")
    if "already open in this process" in text:
        return CodedError(STORE_LOCKED, f"{path} is already open in this process")
    return OSError(errno.EIO, f"{path}: {text}")
