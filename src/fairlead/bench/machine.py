"""The machine that figures were made on, and how quiet it was meanwhile."""

import os
import platform
import re
from pathlib import Path
from typing import NamedTuple

from fairlead.core.system import system

_GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
_NOISY_PERCENT = 10.0
_STEAL = 7


class Machine(NamedTuple):
    """What it is: processor, CPUs that this process may use, kernel and frequency governor (`unknown` where the system does not tell)."""

    cpu: str
    cores: int
    kernel: str
    governor: str

    def __str__(self) -> str:
        return f"{self.cpu}, {self.cores} CPUs, {self.kernel}, governor {self.governor}"


def this_machine() -> Machine:
    """Return what this machine is."""
    governor = _GOVERNOR.read_text().strip() if _GOVERNOR.exists() else "unknown"
    return Machine(_cpu_name(), system.usable_cpus(), f"{platform.system()} {platform.release()}", governor)


class Noise:
    """CPU time that others took since this was made: other processes, and other guests of the host (steal)."""

    def __init__(self) -> None:
        self._before = _busy_s()
        self._own_before = _own_s()

    def percent(self) -> float | None:
        """Return it in percent of what the CPUs have; None where the system does not tell."""
        now = _busy_s()
        if now is None or self._before is None:
            return None
        busy_s, all_s = now[0] - self._before[0], now[1] - self._before[1]
        return 100.0 * max(0.0, busy_s - (_own_s() - self._own_before)) / all_s if all_s > 0 else 0.0

    def warning(self) -> str:
        """Return a sentence where the machine was noisy, else an empty text."""
        percent = self.percent()
        if percent is None or percent <= _NOISY_PERCENT:
            return ""
        return f"noisy: others took {percent:.0f} % of the CPUs meanwhile; trust the ratios of this run less, and no absolute figure"


def _cpu_name() -> str:
    try:
        match = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        match = None
    return match[1] if match else platform.processor() or platform.machine()


def _busy_s() -> tuple[float, float] | None:
    """Return seconds that the CPUs were not idle (stolen ones included), and all their seconds; see proc(5), /proc/stat."""
    try:
        fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1 : _STEAL + 2]]
    except OSError:
        return None
    ticks = system.clock_ticks()
    return (sum(fields) - fields[3] - fields[4]) / ticks, sum(fields) / ticks


def _own_s() -> float:
    """Return CPU seconds of this process and of its children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
