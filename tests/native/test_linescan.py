"""Newline offsets: the same tests over the compiled kernel and its pure twin."""

from array import array
from importlib.machinery import EXTENSION_SUFFIXES
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead._native import linescan, linescan_pure

TWINS = pytest.mark.parametrize("kernel", [linescan, linescan_pure], ids=["native", "pure"])


def test_the_compiled_kernel_is_what_is_loaded() -> None:
    assert str(linescan.__file__).endswith(tuple(EXTENSION_SUFFIXES))


@TWINS
@pytest.mark.parametrize("length", [0, 1, 15, 16, 31, 32, 63, 64, 65, 200, 1000])
def test_every_newline_is_found_at_every_alignment(kernel: Any, length: int) -> None:
    data = b"".join(b"\n" if i % 7 == 3 else b"x" for i in range(length))
    offsets = array("q", bytes(8 * 400))
    for start in range(min(length, 40)):
        count = kernel.scan(data, offsets, start, 1000)
        assert list(offsets[:count]) == [1000 + i for i in range(start, length) if data[i] == 10]


@TWINS
def test_a_full_array_ends_the_scan_and_the_next_goes_on(kernel: Any) -> None:
    data, start = b"ab\n" * 100, 0
    found: list[int] = []
    offsets = array("q", bytes(8 * 7))
    while count := kernel.scan(data, offsets, start):
        found += offsets[:count]
        start = offsets[count - 1] + 1
    assert found == list(range(2, 300, 3))


@TWINS
def test_wrong_arguments_are_refused(kernel: Any) -> None:
    with pytest.raises(ValueError, match="array of 'q'"):
        kernel.scan(b"x", array("i", [0]))
    with pytest.raises(ValueError, match="start"):
        kernel.scan(b"x", array("q", [0]), 2)


@given(
    data=st.lists(st.sampled_from([b"\n", b"x", b"\0", b"\xff", b"yyyyyyyyyyyyyyyyy"]), max_size=60).map(b"".join), room=st.integers(0, 20)
)
def test_both_twins_agree(data: bytes, room: int) -> None:
    left, right = array("q", bytes(8 * room)), array("q", bytes(8 * room))
    assert linescan.scan(data, left) == linescan_pure.scan(data, right)
    assert left == right
