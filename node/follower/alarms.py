"""The alarms of a follower: told once each, on disk before anybody is told, remembered for ever."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import msgspec

from contracts.violations import Violation
from ledger.codec import decode, encode
from ledger.errors import STORE_CORRUPT, CodedError
from ledger.evidence import DoubleVote
from node import limits
from node.api.handle import RaisedAlarm

FORK = "FORK"
EQUIVOCATION = "EQUIVOCATION"
PEER_LIES = "PEER_LIES"
OTHER_LEDGER = "OTHER_LEDGER"


class AlarmBook:
    """A file of JSON lines, one per alarm, and the evidence beside it as canonical bytes.

    Raises ``STORE_CORRUPT`` if the file holds something else than alarms; a last line that a power
    cut tore is dropped.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._folder = path.with_name("evidence")
        self.alarms: list[RaisedAlarm] = _load(path)
        self.evidence: list[DoubleVote] = [
            decode(proof.read_bytes(), DoubleVote) for proof in sorted(self._folder.glob("*.proof"))
        ]
        self._known = {_identity(alarm) for alarm in self.alarms}
        self._from = Counter((alarm.code, alarm.source) for alarm in self.alarms)

    def raised(
        self,
        code: str,
        text: str,
        now_ms: int,
        *,
        block: int | None = None,
        position: int | None = None,
        object: str = "",
        source: str = "",
        freezes: bool = False,
    ) -> RaisedAlarm | None:
        """Remember an alarm, durably; None if it was told before or a peer told too many."""
        alarm = RaisedAlarm(
            number=len(self.alarms) + 1,
            code=code,
            text=text[: limits.ALARM_CHARS],
            raised_ms=now_ms,
            block=block,
            position=position,
            object=object,
            source=source,
            freezes=freezes,
        )
        of_this = (code, source)
        too_many = source and self._from[of_this] >= limits.ALARMS_PER_SOURCE
        if _identity(alarm) in self._known or too_many:
            return None
        with self._path.open("ab") as file:
            file.write(msgspec.json.encode(asdict(alarm)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self._known.add(_identity(alarm))
        self._from[of_this] += 1
        self.alarms.append(alarm)
        return alarm

    def violation(self, found: Violation, now_ms: int, source: str) -> RaisedAlarm | None:
        """Remember a violation: the ledger's if a quorum signed it, else the peer's."""
        return self.raised(
            found.check.name if found.certified else PEER_LIES,
            str(found) if found.certified else f"{source} shows what no quorum signed: {found}",
            now_ms,
            block=found.height,
            position=found.position,
            object=found.object,
            source="" if found.certified else source,
            freezes=found.certified,
        )

    def convict(self, proof: DoubleVote) -> bool:
        """Keep evidence, which the caller has verified; whether it is new."""
        if proof in self.evidence:
            return False
        vote = proof.first
        self._folder.mkdir(exist_ok=True)
        data = encode(proof)
        mark = hashlib.sha256(data).hexdigest()[:12]
        name = f"{vote.epoch:06}-{vote.view:012}-{vote.signer:03}-{mark}.proof"
        (self._folder / name).write_bytes(data)
        self.evidence.append(proof)
        return True


def _identity(alarm: RaisedAlarm) -> tuple[object, ...]:
    return alarm.code, alarm.block, alarm.position, alarm.object, alarm.source


def _load(path: Path) -> list[RaisedAlarm]:
    if not path.is_file():
        return []
    data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if whole != data:
        path.write_bytes(whole)
    try:
        return [msgspec.json.decode(line, type=RaisedAlarm) for line in whole.splitlines()]
    except msgspec.MsgspecError as error:
        raise CodedError(STORE_CORRUPT, f"{path} holds no alarms: {error}") from None
