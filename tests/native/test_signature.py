"""Signatures of blocks: the same tests over the compiled kernel and its pure twin."""

from importlib.machinery import EXTENSION_SUFFIXES
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead._native import signature, signature_pure

TWINS = pytest.mark.parametrize("kernel", [signature, signature_pure], ids=["native", "pure"])
PLACES_OF_ERROR = (10511, 11845, 13178, 14512, 15845, 1307)
PLACES_OF_NOTHING = (0, 0, 0, 0, 0, 0)
PLACES_OF_MORE = (9567, 2852, 12009, 5293, 14450, 7734)
TEXT = st.text(st.sampled_from("aAzZ09 @[`{/:_-.äÄ日…é\0\x7f") | st.characters(codec="utf-8"), max_size=150)


def bits_of(kernel: Any, *messages: str) -> bytes:
    made = kernel.Signature(kernel.BITS + 1, chr)
    assert made.add(list(messages), 0, len(messages)) == len(messages)
    found: bytes = made.bits()
    return found


def test_the_compiled_kernel_is_what_is_loaded() -> None:
    assert str(signature.__file__).endswith(tuple(EXTENSION_SUFFIXES))


@TWINS
def test_places_are_what_stands_in_files_already(kernel: Any) -> None:
    assert kernel.places("error") == kernel.places("ERROR") == PLACES_OF_ERROR
    assert kernel.places("") == PLACES_OF_NOTHING
    assert kernel.places("größe日本") == PLACES_OF_MORE


@pytest.mark.parametrize("size", [1, 7, 8, 9, 16, 17, 64, 130])
def test_a_word_is_found_wherever_it_stands(size: int) -> None:
    word = ("aB3xyZ0q" * 17)[:size]
    places = signature.places(word.lower())
    for before in (*range(70), 127, 128, 129):
        for behind in ("", ".", " and more"):
            assert signature.has(bits_of(signature, "-" * before + word + behind), places)
        assert not signature.has(bits_of(signature, "-" * before + word + "x"), places)


@TWINS
def test_what_is_beyond_ascii_is_folded_first(kernel: Any) -> None:
    asked: list[str] = []

    def fold(code: int) -> str:
        asked.append(chr(code))
        return {"ö": "o", "ß": "ß", "–": " ", "\u0301": "", "日": "日", "🐟": "\0"}[chr(code)]

    made = kernel.Signature(kernel.BITS, fold)
    assert made.add(["Größe–weit öööö", "re\u0301sume", "日x🐟y"], 0, 3) == 3
    assert asked == ["ö", "ß", "–", "\u0301", "日", "🐟"]
    assert made.bits() == bits_of(kernel, "große weit oooo resume 日x y")


@TWINS
@pytest.mark.parametrize("folded", ["ss", b"s", None])
def test_a_character_stands_for_no_more_than_one(kernel: Any, folded: Any) -> None:
    with pytest.raises(ValueError, match="folded to one"):
        kernel.Signature(60, lambda _: folded).add(["ß"], 0, 1)


@TWINS
def test_lines_are_taken_until_it_is_full(kernel: Any) -> None:
    messages = [f"number {i}" for i in range(100)]
    made = kernel.Signature(60, chr)
    taken = made.add(messages, 0, 100)
    assert (7 < taken < 12, made.full) == (True, True)
    assert made.add(messages, taken, 100) == 0
    assert made.bits() == bits_of(kernel, *messages[:taken])
    made.clear()
    assert (made.full, made.bits()) == (False, bytes(kernel.BITS // 8))
    assert made.add(messages, taken, 3) == 3
    assert made.add(messages, 99, 50) == 1


@TWINS
def test_wrong_arguments_are_refused(kernel: Any) -> None:
    made = kernel.Signature(60, chr)
    for first in (-1, 2):
        with pytest.raises(IndexError):
            made.add(["x"], first, 1)
    with pytest.raises(TypeError):
        made.add([b"x"], 0, 1)
    with pytest.raises(UnicodeEncodeError):
        made.add(["\ud800"], 0, 1)
    with pytest.raises(ValueError, match="no signature"):
        kernel.has(b"x", ())
    with pytest.raises(ValueError, match="place"):
        kernel.has(bytes(kernel.BITS // 8), (kernel.BITS,))
    with pytest.raises(ValueError, match="multiple"):
        kernel.transpose([made.bits()])
    with pytest.raises(ValueError, match="no signature"):
        kernel.transpose([b"x"] * 8)


def test_a_word_that_is_not_there_is_seldom_found() -> None:
    made = signature.Signature(4608, chr)
    made.add([f"line {i} has {i * 7919:x} and user{i}" for i in range(1000)], 0, 1000)
    assert sum(signature.has(made.bits(), signature.places(f"absent{i}")) for i in range(20_000)) < 40


@pytest.mark.parametrize("count", [0, 8, 1024])
def test_rows_hold_the_bits_of_their_columns(count: int) -> None:
    columns = [bits_of(signature, f"word{i} common {i % 7}") for i in range(count)]
    rows, width = signature.transpose(columns), count // 8
    assert len(rows) == signature.BITS * width
    for place in (*signature.places("common"), *signature.places("word5"), 0, signature.BITS - 1):
        row = rows[place * width : (place + 1) * width]
        assert [bool(row[i // 8] >> i % 8 & 1) for i in range(count)] == [signature.has(bits, (place,)) for bits in columns]
    if count <= 8:
        assert rows == signature_pure.transpose(columns)


@given(st.lists(TEXT, max_size=5), st.integers(1, 300), st.text(max_size=20))
def test_the_twins_agree(messages: list[str], full: int, word: str) -> None:
    native, pure = signature.Signature(full, _fold), signature_pure.Signature(full, _fold)
    assert native.add(messages, 0, 4) == pure.add(messages, 0, 4)
    assert (native.bits(), native.full) == (pure.bits(), pure.full)
    assert signature.places(word) == signature_pure.places(word)


def _fold(code: int) -> str:
    folded = chr(code).lower()
    return folded if len(folded) == 1 and code % 7 else ""
