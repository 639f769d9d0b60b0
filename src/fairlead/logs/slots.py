"""Two files that take turns to hold the positions: a snapshot of all, then deltas, each of what changed since the one before.

When the deltas of the current slot outgrow its snapshot, the other slot is written anew: as a draft, which replaces it once it
is durable. So there is always one whole slot, and the other one holds what was committed before it. Sequence numbers go on
from slot to slot; what they name is told in frames.py.
"""

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from operator import itemgetter
from pathlib import Path

import msgspec

from fairlead._native.compress import crc32c
from fairlead.core.durable import Step, sync_folder, write_all
from fairlead.core.errors import StateError
from fairlead.core.logsetup import Log
from fairlead.core.record import Position, format_time
from fairlead.logs.frames import DELTA, FORMAT, HEADER_BYTES, SNAPSHOT, Frame, Scan, pack, pack_header, read_header, scan

log = Log("checkpoint")
FLOOR_BYTES = 64 << 10
"""Deltas may grow to this behind a snapshot that is smaller."""
_CHUNK = 1000
"""Positions encoded at once: a snapshot of 50,000 neither holds the interpreter nor stands in memory as a whole."""
_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Position)


class Slots:
    """`checkpoint.a` and `checkpoint.b` of a folder. Calls come one at a time; OSError where nothing can be written now.

    `step` is called with a name before each durable step.
    """

    def __init__(self, folder: Path, step: Step) -> None:
        self._folder, self._step = folder, step
        self._files = (folder / "checkpoint.a", folder / "checkpoint.b")
        self._draft = folder / "checkpoint.new"
        self._current: Path | None = None
        self._sequence = 0
        self._end = 0
        self._compact_at = 0
        self._unlisted = False
        """Whether the folder does not durably name the current slot yet."""
        self._suffix = ""
        self._damaged: list[Path] = []
        """Slots that were read in part only; moved aside once a snapshot stands elsewhere."""

    @property
    def outgrown(self) -> bool:
        """Whether a snapshot is due."""
        return self._current is not None and self._end >= self._compact_at

    def holds(self) -> bool:
        """Tell whether the current slot can be appended to: not before the first snapshot, nor when somebody cleared the folder."""
        try:
            return self._current is not None and self._current.stat().st_size >= self._end
        except FileNotFoundError:
            return False

    def load(self, now_ns: int) -> dict[str, Position]:
        """Return the last committed positions by source; a torn commit is cut off; both that and damage are logged with what they cost.

        StateError where a slot cannot be read at all, or is a newer version's.
        """
        self._suffix = f"corrupt-{now_ns}"
        with suppress(OSError):
            self._draft.unlink(missing_ok=True)
        scans = self._scan()
        # A snapshot bears the number of the last delta that it includes, and so comes behind it.
        frames = sorted(
            ((one.sequence, one.kind == SNAPSHOT, file, one) for file in scans for one in scans[file].frames), key=itemgetter(0, 1)
        )
        start = max((index for index, frame in enumerate(frames) if frame[1]), default=len(frames))
        chain = [frame for *_, frame in frames[start:]]
        try:
            positions, complete_ns = _replay(chain)
        except msgspec.MsgspecError:
            chain = []
        if not chain:
            for file in scans:
                log.error("checkpoint corrupt, moved aside; all files are read anew", moved_to=self._move_aside(file))
            return {}
        self._current, self._sequence = frames[-1][2], frames[-1][0]
        self._end, self._compact_at = scans[self._current].end, _limit(scans[self._current].frames[0].end)
        missing = self._sequence - chain[0].sequence + 1 - len(chain)
        for file, found in scans.items():
            if found.damaged:
                used = any(file == of for _, _, of, _ in frames[start:])
                self._tell_damage(file, found.damaged_bytes, used=used, missing=missing, complete_ns=complete_ns)
        if torn_bytes := scans[self._current].torn_bytes:
            log.info(
                "checkpoint torn: its last commit was cut short; what it acknowledged may be sent again, nothing is lost",
                torn_bytes=torn_bytes,
                file=self._current,
            )
        return positions

    def append(self, changed: Iterable[Position]) -> None:
        """Make what changed durable behind the current slot; a frame that could only be half-written is cut off again."""
        assert self._current is not None
        frame = pack(DELTA, self._sequence + 1, _ENCODER.encode_lines(changed))
        descriptor = os.open(self._current, os.O_WRONLY | os.O_CLOEXEC)
        try:
            self._step("checkpoint append")
            try:
                os.ftruncate(descriptor, self._end)
                write_all(descriptor, [frame], self._end)
                self._step("checkpoint fsync")
                os.fsync(descriptor)
            except OSError:
                with suppress(OSError):
                    os.ftruncate(descriptor, self._end)
                raise
        finally:
            os.close(descriptor)
        self._sync_folder()
        self._end += len(frame)
        self._sequence += 1

    def snapshot(self, positions: Sequence[Position]) -> None:
        """Make all positions durable in the other slot, which becomes the current one."""
        target = self._files[self._current == self._files[0]]
        try:
            self._step("checkpoint snapshot")
            size = self._write_draft(positions)
            self._step("checkpoint rename")
            self._draft.replace(target)
        except OSError:
            with suppress(OSError):
                self._draft.unlink(missing_ok=True)
            # Deltas may fit where a snapshot does not: no new try before they have doubled.
            self._compact_at = 2 * self._end
            raise
        self._current, self._end, self._compact_at, self._unlisted = target, size, _limit(size), True
        self._sync_folder()
        for file in self._damaged:
            if file != target:
                self._move_aside(file)
        self._damaged.clear()

    def _scan(self) -> dict[Path, Scan]:
        """Read the newer slot; and the other one, too, where the newer is damaged."""
        scans: dict[Path, Scan] = {}
        for file in sorted(self._files, key=_claim, reverse=True):
            with suppress(FileNotFoundError):
                scans[file] = scan(_read(file))
                if not scans[file].damaged:
                    break
        return scans

    def _tell_damage(self, file: Path, damaged_bytes: int, *, used: bool, missing: int, complete_ns: int) -> None:
        if used:
            self._damaged.append(file)
            self._compact_at = 0
        log.error(
            "checkpoint damaged; what was acknowledged since may be sent again, nothing is lost",
            since=format_time(complete_ns),
            commits_missing=missing,
            damaged_bytes=damaged_bytes,
            file=file if used else self._move_aside(file),
        )

    def _write_draft(self, positions: Sequence[Position]) -> int:
        """Write a snapshot durably, its header last; return its size in bytes."""
        descriptor = os.open(self._draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            end, checksum = HEADER_BYTES, 0
            for begin in range(0, len(positions), _CHUNK):
                lines = _ENCODER.encode_lines(positions[begin : begin + _CHUNK])
                checksum = crc32c(lines, checksum)
                write_all(descriptor, [lines], end)
                end += len(lines)
            write_all(descriptor, [pack_header(SNAPSHOT, self._sequence, end - HEADER_BYTES, checksum)], 0)
            self._step("checkpoint fsync")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        return end

    def _sync_folder(self) -> None:
        if not self._unlisted:
            return
        self._step("checkpoint folder")
        sync_folder(self._folder)
        self._unlisted = False

    def _move_aside(self, file: Path) -> Path:
        aside = file.with_name(f"{file.name}.{self._suffix}")
        with suppress(OSError):
            file.rename(aside)
        return aside


def _claim(file: Path) -> float:
    """Return the sequence number of a slot's first frame; infinity where that is unreadable, as it may be the newest."""
    try:
        header = read_header(_read(file, HEADER_BYTES))
    except FileNotFoundError:
        return -1
    if header and header.version > FORMAT:
        raise StateError(f"{file}: written by a newer fairlead (format {header.version}); run that one, or give another --state-dir")
    return header.sequence if header else float("inf")


def _read(file: Path, limit: int = -1) -> bytes:
    try:
        with file.open("rb") as stream:
            return stream.read(limit)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StateError(f"{file}: {error.strerror}; mend it, or move it away to go on from the other slot") from None


def _limit(snapshot_bytes: int) -> int:
    """Return the size at which a slot is outgrown: when its deltas are as large as its snapshot."""
    return snapshot_bytes + max(snapshot_bytes, FLOOR_BYTES)


def _replay(chain: Sequence[Frame]) -> tuple[dict[str, Position], int]:
    """Return the positions behind a snapshot and its deltas, and up to when they are complete; MsgspecError for a foreign payload."""
    positions: dict[str, Position] = {}
    newest_ns, complete = 0, True
    for expected, frame in enumerate(chain, chain[0].sequence if chain else 0):
        complete &= frame.sequence == expected
        for position in _DECODER.decode_lines(frame.payload):
            positions[position.source] = position
            if complete:
                newest_ns = max(newest_ns, position.updated_ns)
    return positions, newest_ns
