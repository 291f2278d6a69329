"""Every bound of a running node, in one place: sizes in bytes, times in seconds unless named.

They bound what a peer, a client or a backlog can cost this node. None of them decides what a valid
block is, so nodes may differ here without disagreeing. Size limits of ledger objects are in
:mod:`ledger.limits`; those of peer messages stand with the messages (:mod:`node.messages`).
"""

KIB = 1024
MIB = 1024 * KIB

# Connections -----------------------------------------------------------------------------------
HANDSHAKE_SECONDS = 5.0
"""TLS handshake and hello together; a connection that is slower is closed."""
MAX_HANDSHAKES = 64
"""Connections in handshake at once. A further one takes the place of the oldest from the address
that has most, so nobody who finishes a handshake in its usual time is kept out."""
PING_SECONDS = 4.0
"""A link that sent nothing for so long sends a ping, so that its peer sees it alive."""
SILENCE_SECONDS = 15.0
"""A link that heard nothing for so long is closed."""
DRAIN_SECONDS = 15.0
"""A link whose peer takes none of the queued bytes for so long is closed."""
FRAME_SECONDS = 30.0
"""A frame that has begun is complete within so long, or its sender is too slow to keep."""
DIAL_SECONDS = 5.0
"""TCP connect of an outgoing connection."""
BACKOFF_FIRST_SECONDS = 0.2
BACKOFF_LAST_SECONDS = 10.0
"""Waits between dials grow between these, with jitter."""
AWAIT_DIAL_SECONDS = 5.0
"""For so long a validator leaves it to those before it in the set to dial, then it dials itself."""
OFFENCE_SECONDS = 10.0
"""After a protocol offence the peer is not let in again for so long."""
EXPIRY_WARNING_DAYS = 45
"""A peer certificate that ends sooner is reported."""
DAY_MS = 86_400_000
DOUBT_MS = 60_000
"""How far clocks may be apart when a node judges whether an epoch began before it was started."""

# Per-peer queues -------------------------------------------------------------------------------
SEND_QUEUE_BYTES = 32 * MIB
"""Waiting to be sent to one peer, over all lanes. Sync frames are dropped first, oldest first."""
SEND_SYNC_BYTES = 24 * MIB
"""Of which for block sync: asking for more than one drains loses the oldest answers."""
TRANSPORT_HIGH_BYTES = 256 * KIB
"""Handed to the transport beyond its own send; a vote waits behind no more than this."""
RECEIVE_QUEUE_BYTES = 24 * MIB
"""Received from one peer and not yet handled; beyond it reading from that peer stops."""
RECEIVE_QUEUE_FRAMES = 4_096
EFFECTS_WAITING = 4_096
"""Behind a durable write. Beyond it no frame is handled and no submission taken: what comes waits
in the receive queues, and then with its senders, until the disk has caught up."""
FULL_PAUSE_SECONDS = 0.02
"""A node that has no room looks again after so long."""
PUMP_SECONDS = 0.005
"""How long received frames are handled before the loop turns to other work."""

# Per-peer rates: a peer above them is not read from until it is below again ---------------------
RATE_BYTES_PER_SECOND = 64 * MIB
RATE_BYTES_BURST = 64 * MIB
RATE_FRAMES_PER_SECOND = 4_000
RATE_FRAMES_BURST = 8_000

# Verification workers --------------------------------------------------------------------------
CHECK_CHUNK_WIRES = 128
"""Transactions in one job of a worker: about 10 ms of work, so urgent jobs wait no longer."""
CHECK_CHUNK_BYTES = 512 * KIB
CHECK_PIPELINE = 2
"""Jobs handed to a worker at once: one at work, one waiting in its pipe."""
CHECK_QUEUE_WIRES = 200_000
"""Transactions waiting for verification; beyond it the pool refuses work that is not urgent."""
CHECK_ATTEMPTS = 3
"""Workers that may die over the same job before its transactions are refused one by one."""
CHECK_SECONDS = 20.0
"""A worker that gives no answer for so long is replaced."""
WORKER_FRAME_BYTES = 16 * MIB
WORKER_RESTART_SECONDS = 0.2
WORKER_STOP_SECONDS = 3.0

# Following peers by their API -------------------------------------------------------------------
FOLLOW_ANSWER_SECONDS = 30.0
"""An answer is complete within so long, besides what it was asked to wait, or it is none."""
FOLLOW_WAIT_SECONDS = 15.0
"""How long a peer is asked to wait for its next block before it answers."""
FOLLOW_SEGMENT_BYTES = 1 * MIB
"""Blocks asked for at once."""
FOLLOW_JSON_BYTES = 4 * MIB
FOLLOW_EVIDENCE_SECONDS = 10.0
"""A peer is asked for evidence against guarantors so often."""
FOLLOW_PAUSE_SECONDS = 0.5
"""A peer that is ahead is looked at again after so long while its blocks are being verified."""
FOLLOW_EMPTY_ANSWERS = 3
"""A peer that so often in a row shows nothing of what it claims is not waited for."""
COMPLETE_CHECK_SHARE = 20
"""All invariants of the whole state are checked again after so many times the check's duration, so
that it never takes more than a twentieth of the time."""
COMPLETE_CHECK_SECONDS = 10.0
"""And never more often than this."""
ALARMS_PER_SOURCE = 20
"""Alarms of one kind about one peer that are remembered; further ones are only counted."""
ALARM_CHARS = 1_000

# Snapshots -------------------------------------------------------------------------------------
SNAPSHOTS_KEPT = 2
"""Snapshots on disk; one that a newcomer is fetching lives for at least one more interval."""
PART_ROWS_BLOCKS = 64
PART_ROWS_BYTES = 2 * MIB
"""Rows in one answer: blocks, and bytes after which no further block is added."""
PART_REQUESTS_WAITING = 4
"""Requests of one peer that wait for their turn; further ones are dropped and asked again."""
PART_REQUESTS_OPEN = 2
"""Requests that a newcomer has open at one peer."""
PART_SECONDS = 15.0
"""A part that a peer has not sent by then is asked of another."""
PART_STRIKES = 3
"""Parts that a peer may be late with before it is left alone."""
OFFERS_SECONDS = 2.0
"""How long offers of further peers are waited for after the first."""
JOIN_PATIENCE_SECONDS = 30.0
"""A newcomer that gets no offer, or no further part, for so long gives up."""
SNAPSHOT_LEAD_BLOCKS = 20
"""So many blocks before its height the process that takes a snapshot is started."""
SNAPSHOT_SECONDS = 3_600.0
"""A snapshot that takes longer is given up, with the read transaction that it holds."""

# Service ---------------------------------------------------------------------------------------
SUBMISSION_REQUESTS = 1_024
"""Client requests waiting for their answer."""
SUBMISSION_SECONDS = 30.0
"""A client request that the replica has not answered by then is answered BUSY."""
CONFIRMATIONS = 256
"""Consistent reads that wait for a quorum's word at one time; further ones are answered BUSY."""
CONFIRMATION_SECONDS = 5.0
"""A consistent read that could not be confirmed by then is answered NOT_CONFIRMED."""
WRITE_GROUP = 64
"""Persist effects that one fsync may cover."""
STOP_SECONDS = 10.0
"""A graceful stop that takes longer is cut short."""
ALARMS_KEPT = 256
"""Alarms that a guarantor's node remembers for whoever asks; all are in its log."""
SIGNER_SECONDS = 2.0
"""A signer that takes longer for one signature has failed."""
UPGRADE_LOOK_BLOCKS = 100
"""Every so many blocks a node looks whether a release is due that it is not."""
READER_LAG_COMMITS = 20_000
"""A process that reads a store this many commits old is reported: the file grows because of it."""
LAG_PROBE_SECONDS = 0.5
"""Interval of the event loop's self-measurement."""

GC_THRESHOLDS = (50_000, 20, 100)
"""When the cycle collector runs. A block makes some hundred thousand objects that die without it;
with the defaults it walks every cached record twice a second (docs/performance.md)."""
