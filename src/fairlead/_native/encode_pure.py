"""Specification of the lines' way to ECS and oracle of the compiled kernel: native/encode.pyx. Not used to read logs."""

from array import array
from codecs import BOM_UTF8
from collections.abc import Callable
from datetime import UTC, datetime

import orjson

from fairlead._native.linehead_pure import Timestamps, find_level


def use_width(width: int) -> int:
    """Take vectors of at most `width` bytes in what is made from now on (32: AVX2, 16: SSE2, 8: words); return what is taken. For tests."""
    return width


def keep_heap(kept_bytes: int) -> bool:
    """Have malloc keep `kept_bytes` of freed memory for the process instead of giving them back; False where it cannot be told so (musl).

    What `encode` returns is some 100 KiB to 1 MiB. glibc by itself maps such blocks anew each time, and the kernel clears their pages:
    that takes three times as long as encoding. At most 64 MiB.
    """
    return False


class Encoder:
    """Makes lines of one source the ECS objects that `core.record.to_ecs` describes, one a line.

    `path`, `source`, `host` and `agent` are JSON strings; `fields` is the inside of a JSON object with further fields, of which none
    bears the name of another one; it may be empty. A carriage return before a newline is not of the line. Longer lines than
    `max_line_bytes` are cut and flagged `truncated`; what is no UTF-8 becomes \\xNN and is flagged `invalid_utf8`, NUL becomes \\x00
    and is flagged `binary`; a BOM at the source's beginning goes. `local` is the host's zone, see `linehead.Timestamps`. Not to be
    called by two threads at once.
    """

    def __init__(
        self,
        path: bytes,
        source: bytes,
        host: bytes,
        agent: bytes,
        fields: bytes,
        max_line_bytes: int,
        local: Callable[[int], int | None],
    ) -> None:
        if max_line_bytes < 1:
            raise ValueError("a line has at least one byte")
        self._path, self._source, self._host, self._agent, self._fields = path, source, host, agent, fields
        self._limit, self._timestamps = max_line_bytes, Timestamps(local)

    def encode(
        self,
        data: bytes | bytearray | memoryview,
        ends: "array[int]",
        start: int,
        first: int,
        count: int,
        base: int,
        read_ns: int,
        out_ends: "array[int]",
    ) -> bytes:
        """Return the records of `count` lines, each with a newline, and write to `out_ends[i]` at which byte record i's newline stands.

        Line i ends before the newline at `data[ends[first + i]]`; line 0 begins at `data[start]`, the others behind the newline before
        them. `base` is the offset in the source of `data[0]`; `read_ns` is the time of reading, and that of lines that bear none.
        Both arrays are of 'q'. Raises ValueError where these do not fit each other, and what `local` raises.
        """
        if ends.typecode != "q" or out_ends.typecode != "q":
            raise ValueError("ends and out_ends are arrays of 'q'")
        if first < 0 or count < 0 or first + count > len(ends) or count > len(out_ends):
            raise ValueError("ends or out_ends is too short")
        if start < 0 or base < 0 or read_ns < 0:
            raise ValueError("start, base and read_ns are not negative")
        out = bytearray()
        for i, newline in enumerate(ends[first : first + count]):
            if not start <= newline <= len(data):
                raise ValueError("ends do not ascend from start, or lie outside of the data")
            out += self._record(bytes(data[start:newline]), base + start, base + newline + 1, read_ns, "")
            start = newline + 1
            out_ends[i] = len(out) - 1
        return bytes(out)

    def encode_line(self, data: bytes | bytearray | memoryview, begin: int, end: int, flag: str, read_ns: int) -> bytes:
        """Return the record of one line that does not stand whole in a block, with a newline.

        `data` is its bytes without its newline, [begin, end) what it covers of the source. `flag`, an ASCII name, says what became of a
        line that was cut before; then the bytes are taken as they are.
        """
        if not 0 <= begin <= end or read_ns < 0:
            raise ValueError("begin, end and read_ns are not negative, and the end is not before the beginning")
        return self._record(bytes(data), begin, end, read_ns, flag)

    def _record(self, line: bytes, begin: int, end: int, read_ns: int, flag: str) -> bytes:
        flags = [flag] if flag else []
        if not flag:
            whole = line.removesuffix(b"\r")
            line, flags = (whole, []) if len(whole) <= self._limit else (_cut(line, self._limit), ["truncated"])
        if begin == 0:
            line = line.removeprefix(BOM_UTF8)
        try:
            text = line.decode()
        except UnicodeDecodeError:
            text = line.decode(errors="backslashreplace")
            flags.append("invalid_utf8")
        if "\0" in text:
            text = text.replace("\0", r"\x00")
            flags.append("binary")
        time_ns, level = self._timestamps.parse(text, read_ns), find_level(text)
        pairs = (
            (b"@timestamp", orjson.dumps(_format(read_ns if time_ns is None else time_ns))),
            (b"event.created", orjson.dumps(_format(read_ns))),
            (b"message", orjson.dumps(text)),
            (b"log.file.path", self._path),
            (b"log.offset", orjson.dumps(begin)),
            (b"fairlead.source", self._source),
            (b"fairlead.end", orjson.dumps(end)),
            (b"host.name", self._host),
            (b"agent.id", self._agent),
            (b"log.level", orjson.dumps(level) if level else b""),
            (b"fairlead.flags", orjson.dumps(flags) if flags else b""),
        )
        members = [b'"%s":%s' % pair for pair in pairs if pair[1]]
        return b"{%s}\n" % b",".join([*members, self._fields] if self._fields else members)


def _cut(line: bytes, limit: int) -> bytes:
    """Cut at the limit, but not inside a UTF-8 character."""
    end = limit
    while end > max(limit - 4, 0) and line[end] & 0xC0 == 0x80:
        end -= 1
    return line[:end]


def _format(ns: int) -> str:
    """Return RFC 3339 in UTC with microseconds."""
    seconds, rest = divmod(ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest // 1000:06d}Z"
