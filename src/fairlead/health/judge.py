"""Is this host all right, and if not, since when and why? Pure: observations in, a verdict out.

A limit that was crossed stays crossed until the value is a tenth better than the limit (hysteresis), so that a value at a
limit does not flap. `since` is when a finding's status began; it survives a restart through `state` and `restore`.
"""

from collections.abc import Iterator

import msgspec

from fairlead.core.verdict import Status, Verdict, VerdictFinding
from fairlead.health.observe import Observation

_HYSTERESIS = 0.9
_RANK = {Status.OK: 0, Status.UNKNOWN: 1, Status.WARNING: 2, Status.CRITICAL: 3}


class Limits(msgspec.Struct, frozen=True):
    """Where warning and critical begin."""

    warning: float
    critical: float


LOAD = Limits(1.5, 4.0)
"""Runnable tasks a CPU over five minutes: at 1.5 each third task waits; at 4 the host answers late."""
PRESSURE = {"cpu": Limits(0.6, 0.95), "io": Limits(0.3, 0.8), "memory": Limits(0.1, 0.4)}
"""Share of time in which some task waits; for memory any is a sign of reclaim, which everything feels."""
_RESOURCES = {"cpu": "CPU", "io": "I/O", "memory": "memory"}
MEMORY_USED = Limits(0.90, 0.96)
"""Share of memory that is not available: the OOM killer is near when the rest is gone."""
DISK_USED = Limits(0.85, 0.95)
"""Most file systems slow down from there, and there is time left to act."""
ERROR_LINES = Limits(10.0, 100.0)
"""Lines of level error or worse a minute."""


class _Judged(msgspec.Struct, frozen=True):
    key: str
    title: str
    status: Status
    text: str
    limit: str = ""
    series: tuple[str, ...] = ()
    query: str = ""


class _State(msgspec.Struct):
    status: Status = Status.UNKNOWN
    since_s: float = 0.0
    findings: dict[str, tuple[Status, float]] = {}


class Judge:
    """Judges one observation after the other; keeps what the ones before found."""

    def __init__(self) -> None:
        self._state = _State()
        self.verdict = Verdict(Status.UNKNOWN, 0.0, "Nothing was observed yet", ())

    def state(self) -> bytes:
        """Return what to keep over a restart, as JSON."""
        return msgspec.json.encode(self._state)

    def restore(self, data: bytes) -> None:
        """Take what `state` returned; what cannot be read is passed over."""
        try:
            self._state = msgspec.json.decode(data, type=_State)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return

    def judge(self, seen: Observation) -> Verdict:
        """Return the verdict on an observation."""
        findings = []
        known: dict[str, tuple[Status, float]] = {}
        for found in self._judge_all(seen):
            past = self._state.findings.get(found.key)
            since_s = past[1] if past and past[0] == found.status else seen.time_s
            known[found.key] = (found.status, since_s)
            findings.append(
                VerdictFinding(found.key, found.title, found.status, found.text, since_s, found.limit, found.series, found.query)
            )
        self._state.findings = known
        status = max((finding.status for finding in findings), key=_RANK.__getitem__, default=Status.UNKNOWN)
        if status != self._state.status or not self._state.since_s:
            self._state.status, self._state.since_s = status, seen.time_s
        findings.sort(key=lambda finding: -_RANK[finding.status])
        self.verdict = Verdict(status, self._state.since_s, _summary(findings), tuple(findings))
        return self.verdict

    def _judge_all(self, seen: Observation) -> Iterator[_Judged]:
        yield self._judge_load(seen)
        for resource, limits in PRESSURE.items():
            if resource in seen.pressure:
                key, share = f"pressure_{resource}", seen.pressure[resource]
                status, limit = self._against(key, share, limits, "{:.0%} of the time")
                name = _RESOURCES[resource]
                text = f"{share:.0%} of the time some task waits for {name}"
                series = (f"node_pressure_{resource}_waiting_seconds_total",)
                yield _Judged(key, f"{name[0].upper()}{name[1:]} pressure", status, text, limit, series)
        yield self._judge_memory(seen)
        yield from self._judge_disks(seen)
        status, limit = self._against("errors", seen.error_lines_a_minute, ERROR_LINES, "{:.0f} a minute")
        query = "level:error level:critical level:alert level:emergency"
        yield _Judged("errors", "Error lines", status, f"{seen.error_lines_a_minute:.0f} a minute in the logs", limit, (), query)
        if seen.stale:
            late = ", ".join(f"{name} ({age_s:.0f} s)" for name, age_s in sorted(seen.stale.items()))
            yield _Judged("stale", "Samples", Status.WARNING, f"no new sample of {late}")
        else:
            yield _Judged("stale", "Samples", Status.OK, "all collectors are up to date")
        for part, reason in sorted(seen.problems.items()):
            if reason:
                status = Status.CRITICAL if part == "store" else Status.WARNING
                yield _Judged(f"part_{part}", f"Fairlead: {part}", status, reason)

    def _judge_load(self, seen: Observation) -> _Judged:
        if seen.load_per_cpu is None:
            return _Judged("load", "Load", Status.UNKNOWN, "not sampled")
        status, limit = self._against("load", seen.load_per_cpu, LOAD, "{:.1f} a CPU")
        return _Judged("load", "Load", status, f"{seen.load_per_cpu:.2f} a CPU over 5 minutes", limit, ("node_load1", "node_load5"))

    def _judge_memory(self, seen: Observation) -> _Judged:
        if seen.available is None:
            return _Judged("memory", "Memory", Status.UNKNOWN, "not sampled")
        status, _ = self._against("memory", 1 - seen.available, MEMORY_USED, "")
        limit = f"less than {1 - (MEMORY_USED.critical if status is Status.CRITICAL else MEMORY_USED.warning):.0%}" if _bad(status) else ""
        return _Judged("memory", "Memory", status, f"{seen.available:.0%} available", limit, ("node_memory_MemAvailable_bytes",))

    def _judge_disks(self, seen: Observation) -> Iterator[_Judged]:
        for volume in seen.volumes:
            if volume.failed:
                text = f"{volume.mountpoint} does not answer"
                yield _Judged(f"device_{volume.mountpoint}", "Disk", Status.CRITICAL, text, "", ("node_filesystem_device_error",))
        alive = [volume for volume in seen.volumes if not volume.failed]
        if not alive:
            return
        fullest = max(alive, key=lambda volume: volume.used)
        status, limit = self._against("disk", fullest.used, DISK_USED, "{:.0%} full")
        yield _Judged(
            "disk", "Fullest disk", status, f"{fullest.mountpoint} is {fullest.used:.0%} full", limit, ("node_filesystem_avail_bytes",)
        )
        scarce = max(alive, key=lambda volume: volume.inodes_used)
        status, limit = self._against("inodes", scarce.inodes_used, DISK_USED, "{:.0%} used")
        text = f"{scarce.mountpoint} has {scarce.inodes_used:.0%} of its inodes in use"
        yield _Judged("inodes", "Inodes", status, text, limit, ("node_filesystem_files_free",))

    def _against(self, key: str, value: float, limits: Limits, words: str) -> tuple[Status, str]:
        """Return the status of a value, and the limit that it crossed in words; what was bad has to get clearly better."""
        past = self._state.findings.get(key, (Status.OK, 0.0))[0]
        for status, limit in ((Status.CRITICAL, limits.critical), (Status.WARNING, limits.warning)):
            held = _RANK[past] >= _RANK[status]
            if value >= limit * (_HYSTERESIS if held else 1.0):
                return status, f"limit {words.format(limit)}"
        return Status.OK, ""


def _bad(status: Status) -> bool:
    return _RANK[status] >= _RANK[Status.WARNING]


def _summary(findings: list[VerdictFinding]) -> str:
    """Return why, in a sentence: the worst first."""
    bad = [finding for finding in findings if _bad(finding.status)]
    if bad:
        return "; ".join(f"{finding.title}: {finding.text}" for finding in bad[:3]) + (f"; and {len(bad) - 3} more" if len(bad) > 3 else "")
    if any(finding.status is Status.UNKNOWN for finding in findings) or not findings:
        return "Not everything was observed yet"
    return "Load, pressure, memory, disks and logs are within their limits"
