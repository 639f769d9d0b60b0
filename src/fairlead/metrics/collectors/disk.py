"""Disk I/O by device, from /proc/diskstats; fields: the kernel's Documentation/admin-guide/iostats.rst."""

import re
from collections.abc import Iterator

from fairlead._native.procparse import Table
from fairlead.core.sample import Series
from fairlead.metrics.collector import Collector, Field, Roots, TableCollector, TableFile, counter, gauge

_SECTOR_BYTES = 512.0
_MILLISECONDS = 0.001
_EXCLUDED = re.compile(r"(ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+")
"""Partitions, and devices without a disk: node_exporter's default."""
_FIELDS = (
    (0, 1.0, counter("node_disk_reads_completed_total", "The total number of reads completed successfully.")),
    (1, 1.0, counter("node_disk_reads_merged_total", "The total number of reads merged.")),
    (2, _SECTOR_BYTES, counter("node_disk_read_bytes_total", "The total number of bytes read successfully.")),
    (3, _MILLISECONDS, counter("node_disk_read_time_seconds_total", "The total number of seconds spent by all reads.")),
    (4, 1.0, counter("node_disk_writes_completed_total", "The total number of writes completed successfully.")),
    (5, 1.0, counter("node_disk_writes_merged_total", "The number of writes merged.")),
    (6, _SECTOR_BYTES, counter("node_disk_written_bytes_total", "The total number of bytes written successfully.")),
    (7, _MILLISECONDS, counter("node_disk_write_time_seconds_total", "This is the total number of seconds spent by all writes.")),
    (8, 1.0, gauge("node_disk_io_now", "The number of I/Os currently in progress.")),
    (9, _MILLISECONDS, counter("node_disk_io_time_seconds_total", "Total seconds spent doing I/Os.")),
    (10, _MILLISECONDS, counter("node_disk_io_time_weighted_seconds_total", "The weighted # of seconds spent doing I/Os.")),
    (11, 1.0, counter("node_disk_discards_completed_total", "The total number of discards completed successfully.")),
    (12, 1.0, counter("node_disk_discards_merged_total", "The total number of discards merged.")),
    (13, 1.0, counter("node_disk_discarded_sectors_total", "The total number of sectors discarded successfully.")),
    (14, _MILLISECONDS, counter("node_disk_discard_time_seconds_total", "This is the total number of seconds spent by all discards.")),
    (15, 1.0, counter("node_disk_flush_requests_total", "The total number of flush requests completed successfully")),
    (
        16,
        _MILLISECONDS,
        counter("node_disk_flush_requests_time_seconds_total", "This is the total number of seconds spent by all flush requests."),
    ),
)


def build(roots: Roots) -> Collector:
    """Return the collector `disk`."""
    return TableCollector("disk", TableFile(f"{roots.proc}/diskstats", Table(len(_FIELDS), key_word=2), _plan))


def _plan(data: bytes) -> Iterator[Field]:
    rows = [words for line in data.split(b"\n") if (words := line.split())]
    for row, words in enumerate(rows):
        device = words[2].decode(errors="replace") if len(words) > 2 else ""
        if not device or _EXCLUDED.fullmatch(device):
            continue
        for column, scale, family in _FIELDS[: len(words) - 3]:
            yield Field(Series(family, (("device", device),)), row * len(_FIELDS) + column, scale)
