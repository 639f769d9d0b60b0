"""Journal files as Debian's systemd-journal-remote makes them out of the export format, without a running systemd.

https://systemd.io/JOURNAL_EXPORT_FORMATS/
"""

import struct
import subprocess
from pathlib import Path

REMOTE = "/lib/systemd/systemd-journal-remote"
MACHINE_ID = "0123456789abcdef0123456789abcdef"
BOOT_ID = "fedcba9876543210fedcba9876543210"
BEGIN_US = 1_700_000_000_000_000


class JournalWriter:
    """Appends entries to a journal file in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._written = 0

    def write(self, *entries: dict[str, str | bytes]) -> None:
        """Append entries; bytes are written as the binary form of a field."""
        export = b"".join(self._export(entry) for entry in entries)
        command = [REMOTE, "--split-mode=none", f"--output={self.folder / 'remote.journal'}", "-"]
        subprocess.run(command, input=export, check=True, capture_output=True)

    def _export(self, entry: dict[str, str | bytes]) -> bytes:
        self._written += 1
        time_us = BEGIN_US + self._written * 1_000_000
        fields: dict[str, str | bytes] = {
            "__REALTIME_TIMESTAMP": str(time_us), "__MONOTONIC_TIMESTAMP": str(self._written * 1_000_000),
            "_BOOT_ID": BOOT_ID, "_MACHINE_ID": MACHINE_ID, "_HOSTNAME": "web-3", "_TRANSPORT": "syslog", **entry,
        }  # fmt: skip
        return b"".join(_field(name, value) for name, value in fields.items()) + b"\n"


def _field(name: str, value: str | bytes) -> bytes:
    if isinstance(value, str):
        return f"{name}={value}\n".encode()
    return name.encode() + b"\n" + struct.pack("<Q", len(value)) + value + b"\n"
