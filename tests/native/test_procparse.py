"""The tables of /proc: the same tests over the compiled kernel and its pure twin, which is its specification."""

import math
import os
from array import array
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead._native import procparse, procparse_pure

TWINS = pytest.mark.parametrize("kernel", [procparse, procparse_pure], ids=["native", "pure"])


def cells(table: Any, count: int) -> list[float]:
    return list(table.gather(array("i", range(count)), array("d", [1.0] * count)))


def same(left: list[float], right: list[float]) -> bool:
    return len(left) == len(right) and all(a == b or (math.isnan(a) and math.isnan(b)) for a, b in zip(left, right, strict=True))


def test_the_compiled_kernel_is_what_is_loaded() -> None:
    assert str(procparse.__file__).endswith(tuple(EXTENSION_SUFFIXES))


@TWINS
@pytest.mark.parametrize(
    ("options", "data", "expected"),
    [
        ({"columns": 2}, b"cpu  10 20 30\ncpu0 1\n\nintr 5 6 7 8\n", [10, 20, 1, math.nan, 5, 6]),
        ({"columns": 2, "key_word": 2}, b"   8  0 sda 7 9\n 8 1 sda1 3\n", [7, 9, 3, math.nan]),
        ({"columns": 1, "colon_key": True}, b"MemTotal:   12 kB\nHugePages_Total:\t3\n", [12, 3]),
        ({"columns": 2, "skip_lines": 2, "colon_key": True}, b"Inter-|\n face |\n  eth0:1 2\n a:b: 3 4\n", [1, 2, 3, 4]),
        ({"columns": 3, "key_word": -1}, b"0.25 1.50 12 1/89 7\n", [0.25, 1.5, 12]),
        ({"columns": 2}, b"some avg10=0.50 total=77\n", [0.5, 77]),
        ({"columns": 2}, b"Tcp: MaxConn -1\n", [math.nan, -1]),
        ({"columns": 1}, b"big 18446744073709551615\n", [18446744073709551615.0]),
        ({"columns": 1}, b"no newline 5", [math.nan]),
        ({"columns": 1}, b"", []),
    ],
)
def test_a_table_is_parsed(kernel: Any, options: dict[str, Any], data: bytes, expected: list[float]) -> None:
    table = kernel.Table(**options)
    table.parse(data)
    assert same(cells(table, table.rows * options["columns"]), expected)
    assert table.data() == data


@TWINS
def test_the_fingerprint_changes_with_the_keys_only(kernel: Any) -> None:
    table = kernel.Table(1)
    first = table.parse(b"sda 1\nsdb 2\n")
    assert table.parse(b"sda 100\nsdb 0\n") == first
    assert table.parse(b"sda 1\n") != first
    assert table.parse(b"sdb 1\nsda 2\n") != first
    assert table.parse(b"sda 1\nsdb 2\n") == first


@TWINS
def test_a_cell_that_is_not_there_is_nan(kernel: Any) -> None:
    table = kernel.Table(1)
    table.parse(b"a 1\n")
    assert same(list(table.gather(array("i", [0, 1, -1]), array("d", [2, 1, 1]))), [2, math.nan, math.nan])
    with pytest.raises(ValueError, match="index"):
        table.gather(array("d", [0]), array("d", [1]))


@TWINS
def test_steps_back_are_held_until_the_counter_passes_them(kernel: Any) -> None:
    table = kernel.Table(2)
    seen = []
    for text in (b"cpu0 100 50\n", b"cpu0 90 60\n", b"cpu0 105 55\n", b"cpu0 20 10\n", b"cpu0 21 11\n"):
        table.parse(text)
        seen.append((table.hold(0, 30.0), cells(table, 2)))
    assert seen == [(0, [100, 50]), (1, [100, 60]), (1, [105, 60]), (0, [20, 10]), (0, [21, 11])]


@TWINS
def test_nothing_is_held_over_a_change_of_rows(kernel: Any) -> None:
    table = kernel.Table(1)
    table.parse(b"cpu0 100\n")
    table.hold(0, 3.0)
    table.parse(b"cpu0 99\ncpu1 5\n")
    assert table.hold(0, 3.0) == 0
    assert cells(table, 2) == [99, 5]


@TWINS
def test_a_file_larger_than_the_buffer_is_read_whole(kernel: Any, tmp_path: Path) -> None:
    file = tmp_path / "stat"
    file.write_bytes(b"".join(b"key%d %d\n" % (i, i) for i in range(20000)))
    descriptor = os.open(file, os.O_RDONLY)
    try:
        table = kernel.Table(1)
        table.read(descriptor)
        assert table.rows == 20000
        assert cells(table, 20000)[-1] == 19999
    finally:
        os.close(descriptor)
    with pytest.raises(OSError, match=r".") as caught:
        table.read(descriptor)
    assert caught.value.errno == 9


WORDS = st.sampled_from([b"cpu", b"cpu0", b"7", b"12.5", b"-3", b"x=4", b"a=b", b"1/2", b":", b"eth0:", b"00017", b"9" * 25])
LINES = st.lists(st.tuples(st.lists(WORDS, max_size=6), st.sampled_from([b" ", b"\t", b"  "])), max_size=8)


@given(lines=LINES, columns=st.integers(1, 4), key_word=st.integers(-1, 2), skip=st.integers(0, 2), colon=st.booleans())
def test_both_twins_agree(lines: list[tuple[list[bytes], bytes]], columns: int, key_word: int, skip: int, colon: bool) -> None:
    data = b"\n".join(blank + blank.join(words) for words, blank in lines)
    native, pure = (kernel.Table(columns, key_word, skip, colon) for kernel in (procparse, procparse_pure))
    native.parse(data)
    pure.parse(data)
    assert native.rows == pure.rows
    left, right = cells(native, native.rows * columns), cells(pure, pure.rows * columns)
    assert all(math.isclose(a, b, rel_tol=1e-12) or (math.isnan(a) and math.isnan(b)) for a, b in zip(left, right, strict=True))
