"""The contenders of the case `json` must encode what they decoded to the same bytes."""

import zlib
from pathlib import Path

import msgspec
import pytest

from fairlead.bench.json_events import event_lines
from fairlead.bench.json_model import by_msgspec
from fairlead.bench.json_plain import by_standard_library
from fairlead.bench.work_json import work
from fairlead.core.errors import UsageError


def test_both_contenders_encode_the_bytes_that_they_decoded(tmp_path: Path) -> None:
    lines = b"".join(event_lines(700, seed=5))
    file = tmp_path / "events"
    file.write_bytes(lines)
    assert by_msgspec(file) == by_standard_library(file) == zlib.crc32(lines)
    assert work(["msgspec", str(file)]).answer == work(["python", str(file)]).answer == zlib.crc32(lines)


def test_the_same_seed_gives_the_same_events() -> None:
    assert list(event_lines(50, 3)) == list(event_lines(50, 3))
    assert list(event_lines(50, 3)) != list(event_lines(50, 4))


def test_an_event_of_another_shape_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "events"
    file.write_bytes(next(event_lines(1)).replace(b'"level":"', b'"level":"x'))
    with pytest.raises(msgspec.ValidationError, match="level"):
        by_msgspec(file)


def test_unknown_work_is_told() -> None:
    with pytest.raises(UsageError, match="methods are msgspec, python"):
        work(["orjson", "file"])
