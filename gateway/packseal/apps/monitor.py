"""Watches a log for the owner of batteries: that it only grows, and that no act or statement
names them but his own.

Remembers the last checkpoint and what was found in a small file. A look that finds the log contradicting itself changes
nothing but leaves the contradicting note beside the file: the two notes, both signed by the log, are the proof.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from packseal.errors import ConfigError, EvidenceError, Reason, UnavailableError
from packseal.io.files import read_bounded, write_whole
from packseal.io.log_client import FolderLog, HTTPLog, LogReader
from packseal.io.witness_settings import MonitorSettings
from packseal.records.merkle import EMPTY_ROOT, verify_consistency
from packseal.records.note import LogCheckpoint, verified_cosignatures, verify_log_checkpoint
from packseal.records.passport_log import EntryKind, LogEntry, VerifiedTiles, consistency_proof, subject_tag

MAX_STATE_BYTES = 1 << 24
STATE_VERSION = 1
NAMING = frozenset({EntryKind.KEY_ACT, EntryKind.STATEMENT})  # of these, a battery's tag can be on CREATE alone


@dataclass(frozen=True, slots=True)
class KeyAct:
    """An entry that names a watched battery: its place in the log, and the digest of the act or statement."""

    index: int
    battery: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class MonitorState:
    """What is kept between looks: the last note, and every key act of the watched batteries up to there."""

    size: int = 0
    root: bytes = EMPTY_ROOT
    note: bytes = b""
    watched: tuple[str, ...] = ()
    acts: tuple[KeyAct, ...] = ()

    def to_json(self) -> bytes:
        acts = [[act.index, act.battery, act.digest.hex()] for act in self.acts]
        values = {"version": STATE_VERSION, "size": self.size, "root": self.root.hex(), "note": self.note.decode()}
        return json.dumps(values | {"watched": self.watched, "acts": acts}, indent=1).encode() + b"\n"

    @classmethod
    def from_json(cls, content: bytes) -> MonitorState:
        """Raises ValueError for what to_json did not write."""
        try:
            values = json.loads(content)
            acts = tuple(KeyAct(int(i), str(b), bytes.fromhex(d)) for i, b, d in values["acts"])
            state = cls(
                values["size"], bytes.fromhex(values["root"]), values["note"].encode(), tuple(values["watched"]), acts
            )
        except (KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(str(error)) from None
        if state.to_json() != content:
            raise ValueError("not as it was written")
        return state


@dataclass(frozen=True, slots=True)
class Look:
    """What one look found. rogue: key acts of watched batteries that their owner does not know, old ones included."""

    checkpoint: LogCheckpoint
    new_entries: int
    rogue: tuple[KeyAct, ...]
    cosigned_unix_s: Mapping[str, int]

    def lines(self) -> list[str]:
        """For a person."""
        seen = f"{self.checkpoint.origin}: {self.checkpoint.size} entries, {self.new_entries} of them new"
        cosigned = f"cosigned by {', '.join(self.cosigned_unix_s) or 'nobody who is listed'}"
        alarms = [
            f"ROGUE  entry {act.index} is an act or statement about battery {act.battery} that its owner does not know,"
            f" digest {act.digest.hex()}"
            for act in self.rogue
        ]
        return [seen, cosigned, *(alarms or ["no act about a watched battery that its owner does not know"])]


@dataclass(frozen=True, slots=True)
class Watch:
    """What is watched for: battery -> digests of the acts its owner knows; witness -> public key, and how many."""

    batteries: Mapping[str, frozenset[bytes]]
    witnesses: Mapping[str, bytes] = field(default_factory=dict)
    witnesses_needed: int = 0


class Monitor:
    def __init__(self, log: LogReader, state: Path, watch: Watch) -> None:
        self._log, self._path, self._watch = log, state, watch
        self._by_tag = {subject_tag(battery): battery for battery in watch.batteries}

    def look(self) -> Look:
        """One look at the log.

        1. The log's key signed the checkpoint. 2. Enough witnesses cosigned it (TOO_FEW_WITNESSES). 3. It continues
        the last one (FORK). 4. The new entries are in the signed tree, and those that name a watched battery are kept.
        Then the state is stored. The caller still raises the alarm for rogue acts and judges the cosignatures' age.

        Raises EvidenceError, UnavailableError (also for a log that shows an older, consistent checkpoint) or
        ConfigError; then the state is as it was.
        """
        state = self._load()
        checkpoint, note = self._log.checkpoint()
        cosigned_unix_s = self._quorum(note)
        tiles = self._continued(state, checkpoint, note)
        acts = self._acts(state, tiles)
        self._store(MonitorState(checkpoint.size, checkpoint.root, note, tuple(sorted(self._watch.batteries)), acts))
        rogue = tuple(act for act in acts if act.digest not in self._watch.batteries[act.battery])
        return Look(checkpoint, checkpoint.size - state.size, rogue, cosigned_unix_s)

    def _quorum(self, note: bytes) -> dict[str, int]:
        cosigned_unix_s = verified_cosignatures(note, self._watch.witnesses)
        if len(cosigned_unix_s) < self._watch.witnesses_needed:
            words = f"{len(cosigned_unix_s)} of {self._watch.witnesses_needed} witnesses cosigned the checkpoint"
            raise EvidenceError(Reason.TOO_FEW_WITNESSES, words)
        return cosigned_unix_s

    def _continued(self, state: MonitorState, checkpoint: LogCheckpoint, note: bytes) -> VerifiedTiles:
        """The checkpoint's tiles, once it is proven to continue the last one."""
        last = LogCheckpoint(checkpoint.origin, state.size, state.root)
        if checkpoint.size < last.size:
            self._check_older(last, checkpoint, note)
            words = f"the log shows its checkpoint of {checkpoint.size}, but {last.size} was seen; look again later"
            raise UnavailableError(words)
        if checkpoint.size == last.size and checkpoint.root != last.root:
            raise self._fork(f"two trees of {last.size} leaves", note)
        tiles = self._log.tiles(checkpoint)
        try:
            _check_continues(tiles, last, checkpoint)
        except EvidenceError as error:
            raise self._not_continued(error, last, checkpoint, note) from None
        return tiles

    def _check_older(self, last: LogCheckpoint, checkpoint: LogCheckpoint, note: bytes) -> None:
        """A cache may show what was true before; a log that went back cannot show the tree it had signed."""
        try:
            _check_continues(self._log.tiles(last), checkpoint, last)
        except EvidenceError as error:
            what = f"after {last.size} leaves it shows {checkpoint.size} that do not begin them ({error.detail})"
            raise self._fork(what, note) from None

    def _not_continued(
        self, error: EvidenceError, last: LogCheckpoint, checkpoint: LogCheckpoint, note: bytes
    ) -> EvidenceError:
        """Tiles that do not fit the new root say nothing of the old one; a proof out of fitting ones does."""
        if error.reason != Reason.BAD_CONSISTENCY_PROOF:
            return error
        return self._fork(f"{checkpoint.size} leaves do not begin with the {last.size} seen before", note)

    def _fork(self, what: str, note: bytes) -> EvidenceError:
        kept = self._path.with_name(self._path.name + ".fork")
        self._write(kept, note)
        return EvidenceError(
            Reason.FORK, f"the log tells two stories: {what}; what it signed is in {self._path} and {kept}"
        )

    def _acts(self, state: MonitorState, tiles: VerifiedTiles) -> tuple[KeyAct, ...]:
        """Every key act of a watched battery; from the beginning where a battery was not watched before."""
        is_widened = not set(self._watch.batteries) <= set(state.watched)
        kept = () if is_widened else tuple(act for act in state.acts if act.battery in self._watch.batteries)
        found = (self._act(index, entry) for index, entry in self._log.entries(tiles, 0 if is_widened else state.size))
        return (*kept, *(act for act in found if act is not None))

    def _act(self, index: int, entry: LogEntry) -> KeyAct | None:
        battery = self._by_tag.get(entry.tag) if entry.kind in NAMING else None
        return None if battery is None else KeyAct(index, battery, entry.digest)

    def _load(self) -> MonitorState:
        """The state, its note verified: a changed file would make the log look like a liar. Raises ConfigError."""
        if not self._path.exists():
            return MonitorState()
        try:
            state = MonitorState.from_json(read_bounded(self._path, MAX_STATE_BYTES))
            signed = verify_log_checkpoint(state.note, self._log.public_key)
            if signed != LogCheckpoint(self._log.origin, state.size, state.root):
                raise ValueError("another tree than its note")
        except (ValueError, EvidenceError) as error:
            words = f"{self._path}: not the state of this log's monitor ({error}); restore it from its backup"
            raise ConfigError(words) from None
        return state

    def _store(self, state: MonitorState) -> None:
        self._write(self._path, state.to_json())

    def _write(self, path: Path, content: bytes) -> None:
        try:
            write_whole(path, content)
        except OSError as error:
            raise UnavailableError(
                f"{path}: {error.strerror}; check the disk's space and the folder's rights"
            ) from None


def _check_continues(tiles: VerifiedTiles, old: LogCheckpoint, new: LogCheckpoint) -> None:
    """Raises EvidenceError(BAD_CONSISTENCY_PROOF) unless old begins new, by the verified tiles of new."""
    if not old.size:
        if old.root != EMPTY_ROOT:
            raise EvidenceError(Reason.BAD_CONSISTENCY_PROOF, "an empty tree with another root than it has")
        return
    proof = consistency_proof(tiles, old.size, new.size, new.size)
    verify_consistency((old.size, new.size), proof, (old.root, new.root))


def monitor_of(settings: MonitorSettings) -> Monitor:
    """The monitor that a monitor.toml describes. Raises ConfigError."""
    if settings.folder is not None:
        source: FolderLog | HTTPLog = FolderLog(settings.folder)
    else:
        source = HTTPLog(settings.url or "")
    watch = Watch(
        {battery.id: frozenset(battery.known) for battery in settings.battery},
        {witness.name: witness.public_key for witness in settings.witness},
        settings.witnesses_needed,
    )
    return Monitor(LogReader(source, settings.origin, settings.public_key), settings.state, watch)
