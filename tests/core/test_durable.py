"""Durable writing: whole or not at all, whatever the kernel takes at once."""

import errno
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from fairlead.core.durable import append_to, write_all, write_atomically


def test_all_buffers_are_written_when_the_kernel_takes_few_bytes_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = os.pwritev

    def some(descriptor: int, buffers: Sequence[bytes], offset: int) -> int:
        return whole(descriptor, [b"".join(buffers)[:7]], offset)

    monkeypatch.setattr(os, "pwritev", some)
    buffers = [b"%d" % i * (i % 5) for i in range(1500)]
    with (tmp_path / "file").open("wb") as stream:
        write_all(stream.fileno(), buffers, 3)
    assert (tmp_path / "file").read_bytes() == b"\0\0\0" + b"".join(buffers)


@pytest.mark.parametrize("call", ["write", "fdatasync"])
def test_nothing_is_left_of_an_append_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    file = tmp_path / "file"
    append_to(file, b"one\n")
    whole = os.write

    def full(descriptor: int, data: bytes = b"") -> int:
        if len(data) > 2:
            return whole(descriptor, data[:2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, call, full)
    with pytest.raises(OSError, match="No space left"):
        append_to(file, b"two\n")
    assert file.read_bytes() == b"one\n"
    monkeypatch.undo()
    append_to(file, b"three\n")
    assert file.read_bytes() == b"one\nthree\n"
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_file_is_replaced_at_once_or_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    write_atomically(file, b"old")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(file, b"new")
    assert file.read_bytes() == b"old"
    monkeypatch.undo()
    write_atomically(file, b"new")
    assert file.read_bytes() == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
