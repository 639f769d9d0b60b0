"""What uname(2) says of the kernel and the host."""

import os

from fairlead.core.sample import Series
from fairlead.metrics.collector import Collector, Roots, ValuesCollector, gauge, read_text

_INFO = gauge("node_uname_info", "Labeled system information as provided by the uname system call.")


def build(roots: Roots) -> Collector:
    """Return the collector `uname`."""

    def read() -> list[tuple[Series, float]]:
        facts = os.uname()
        labels = (
            ("domainname", read_text(f"{roots.proc}/sys/kernel/domainname", "(none)")),
            ("machine", facts.machine),
            ("nodename", facts.nodename),
            ("release", facts.release),
            ("sysname", facts.sysname),
            ("version", facts.version),
        )
        return [(Series(_INFO, labels), 1.0)]

    return ValuesCollector("uname", read)
