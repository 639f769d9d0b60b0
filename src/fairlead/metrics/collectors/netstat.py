"""Protocol counters, from /proc/net/netstat, snmp and snmp6: node_exporter's default choice of them."""

import re
from collections.abc import Iterator

from fairlead._native.procparse import Table
from fairlead.core.sample import Series
from fairlead.metrics.collector import Collector, Field, Roots, TableCollector, TableFile, untyped

_COLUMNS = 160
"""TcpExt has about 130 counters; what comes later in a line is not among those wanted."""
_WANTED = re.compile(
    r".*_(InErrors|InErrs)|Ip_Forwarding|Ip(6|Ext)_(InOctets|OutOctets)|Icmp6?_(InMsgs|OutMsgs)"
    r"|TcpExt_(Listen.*|Syncookies.*|TCPSynRetrans|TCPTimeouts)"
    r"|Tcp_(ActiveOpens|InSegs|OutSegs|OutRsts|PassiveOpens|RetransSegs|CurrEstab)"
    r"|Udp6?_(InDatagrams|OutDatagrams|NoPorts|RcvbufErrors|SndbufErrors)"
)
_V6 = re.compile(r"(\w+6)(\w+)")


def build(roots: Roots) -> Collector:
    """Return the collector `netstat`."""
    pairs = [TableFile(f"{roots.proc}/net/{name}", Table(_COLUMNS, colon_key=True), _plan_pairs) for name in ("netstat", "snmp")]
    return TableCollector("netstat", *pairs, TableFile(f"{roots.proc}/net/snmp6", Table(1), _plan_v6))


def _plan_pairs(data: bytes) -> Iterator[Field]:
    """Name the fields of pairs of lines: `Tcp: NAME...`, then `Tcp: NUMBER...`."""
    lines = [line for line in data.decode(errors="replace").split("\n") if line.strip()]
    for row in range(0, len(lines) - 1, 2):
        protocol, _, names = lines[row].partition(":")
        for column, name in enumerate(names.split()[:_COLUMNS]):
            yield from _field(protocol.strip(), name, (row + 1) * _COLUMNS + column)


def _plan_v6(data: bytes) -> Iterator[Field]:
    """Name the fields of lines such as `Ip6InOctets 5`."""
    for row, line in enumerate(line for line in data.decode(errors="replace").split("\n") if line.strip()):
        if match := _V6.match(line.split()[0]):
            yield from _field(match[1], match[2], row)


def _field(protocol: str, name: str, cell: int) -> Iterator[Field]:
    if _WANTED.fullmatch(f"{protocol}_{name}"):
        yield Field(Series(untyped(f"node_netstat_{protocol}_{name}", f"Statistic {protocol}{name}.")), cell)
