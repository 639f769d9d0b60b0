"""Encodings: each of them cut at newlines only, decoded whole, and gone on with wherever the reading was broken off."""

import codecs
from datetime import UTC
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.core.record import Record
from fairlead.logs.decoding import ENCODINGS, canonical, charset
from fairlead.logs.lines import LineBuilder, make_builder
from fairlead.logs.redact import Redactor
from fairlead.logs.settings import LogInput
from fairlead.logs.timestamps import TimestampParser

LEGACY = [name for name in ENCODINGS if not name.startswith("utf-")]
MULTIBYTE = ["gb18030", "gbk", "big5", "shift_jis", "euc-jp", "euc-kr"]
SAMPLES = {
    "utf-8": "grüße 你好 😀", "utf-16": "grüße 你好 😀", "utf-16le": "ਊ ੁĀ 你好 😀", "utf-16be": "ਊ Āਁ 你好 😀",
    "gb18030": "你好 😀 é", "gbk": "你好", "big5": "你好", "shift_jis": "日本語 ソ", "euc-jp": "日本語", "euc-kr": "한국어",
    "windows-1252": "€ é", "iso-8859-15": "€ é", "koi8-r": "привет",
}  # fmt: skip


def builder(encoding: str, offset: int = 0, **settings: object) -> LineBuilder:
    log_input = LogInput(paths=["/a"], encoding=encoding, **settings)  # type: ignore[arg-type]  # the fields of LogInput
    return make_builder(log_input, offset, TimestampParser(UTC), Redactor([]))


def encode(text: str, encoding: str) -> bytes:
    return text.encode("utf-16-le" if encoding == "utf-16" else encoding)


def test_a_newline_is_a_newline_where_a_character_is_a_byte() -> None:
    ascii_bytes = bytes(range(128))
    for encoding in set(LEGACY) - set(MULTIBYTE):
        assert charset(encoding).decode(ascii_bytes) == (ascii_bytes.decode("ascii"), True)


@pytest.mark.parametrize("encoding", MULTIBYTE)
def test_the_byte_of_a_newline_is_in_no_longer_character(encoding: str) -> None:
    longer = "".join(map(chr, (*range(0x80, 0xD800), *range(0xE000, 0x11000), 0x1F600, 0x10FFFF)))
    encoded = longer.encode(encoding, "ignore")
    assert len(encoded) > 5000
    assert b"\n" not in encoded
    assert b"\r" not in encoded


@pytest.mark.parametrize("encoding", SAMPLES)
def test_lines_are_decoded_whatever_blocks_they_come_in(encoding: str) -> None:
    texts = [SAMPLES[encoding], "", "plain", SAMPLES[encoding] * 2]
    content = encode("".join(f"{text}\r\n" for text in texts), encoding)
    for size in (1, 2, 3, 7, len(content)):
        lines, records = builder(encoding), list[Record]()
        for begin in range(0, len(content), size):
            records += lines.add(content[begin : begin + size], 0)
        assert [record.message for record in records] == texts
        assert [record.offset for record in records] == [0, *(record.end for record in records)][:-1]
        assert (records[-1].end, lines.offset, lines.scanned) == (len(content), len(content), len(content))
        assert not any(record.flags for record in records)


@pytest.mark.parametrize(
    ("encoding", "bom"),
    [("utf-8", codecs.BOM_UTF8), ("utf-16", codecs.BOM_UTF16_LE), ("utf-16", codecs.BOM_UTF16_BE), ("utf-16le", codecs.BOM_UTF16_LE),
     ("utf-16be", codecs.BOM_UTF16_BE), ("gb18030", "\ufeff".encode("gb18030"))],
)  # fmt: skip
def test_a_bom_at_the_beginning_is_no_part_of_the_message(encoding: str, bom: bytes) -> None:
    codec = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}.get(bom, encoding)
    content = bom + "one\ntwo ñ\n".encode(codec)
    first, second = builder(encoding).add(content, 0)
    assert (first.message, first.offset, second.message) == ("one", 0, "two ñ")
    assert second.end == len(content)


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_utf16_without_a_bom_is_read_in_the_order_of_its_newlines(codec: str) -> None:
    content = "日本語\nsecond\n".encode(codec)
    lines = builder("utf-16")
    assert [record.message for record in (*lines.add(content[:5], 0), *lines.add(content[5:], 0))] == ["日本語", "second"]
    begin = len("日本語\n".encode(codec))
    assert [record.message for record in builder("utf-16", begin).add(content[begin:], 0)] == ["second"]
    unended = builder("utf-16")
    assert unended.add("abc".encode(codec), 0) == []
    assert unended.flush(0)[0].message == "abc"


def test_utf16_when_begun_inside_a_code_unit_goes_on_at_the_next_one() -> None:
    content = "a\nb\n".encode("utf-16-le")
    lines = builder("utf-16le", 3)
    (record,) = lines.add(content[3:], 0)
    assert (record.message, record.offset, record.end) == ("b", 3, 8)


def test_utf16_when_a_file_ends_inside_a_code_unit_tells_all_of_it() -> None:
    lines = builder("utf-16le")
    assert lines.add("a\nb".encode("utf-16-le") + b"c", 0)[0].message == "a"
    (record,) = lines.flush(0)
    assert (record.message, record.offset, record.end, record.flags) == (r"b\x63", 4, 7, ("invalid_encoding",))
    assert lines.offset == lines.scanned == 7


def test_what_is_not_valid_is_kept_and_marked() -> None:
    (record,) = builder("gbk").add(b"ok \xff\xff\n", 0)
    assert (record.message, record.flags) == (r"ok \xff\xff", ("invalid_encoding",))
    (record,) = builder("utf-8").add(b"ok \xff\n", 0)
    assert (record.message, record.flags) == (r"ok \xff", ("invalid_utf8",))


@given(
    encoding=st.sampled_from(sorted(SAMPLES)),
    texts=st.lists(st.text("aä你😀ソ\r", max_size=9), min_size=1, max_size=6),
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=9),
    restart=st.integers(0, 6),
    split=st.booleans(),
)
def test_a_restart_anywhere_changes_nothing(encoding: str, texts: list[str], sizes: list[int], restart: int, split: bool) -> None:
    content = b"".join(_encodable(f"{text}\n", encoding) for text in texts)
    policy: dict[str, Any] = {"max_line_bytes": 16, "long_lines": "split" if split else "truncate"}
    whole = builder(encoding, **policy).add(content, 0)
    lines, records = builder(encoding, **policy), list[Record]()
    steps = 0
    while lines.scanned < len(content):
        records += lines.add(content[lines.scanned : lines.scanned + sizes[steps % len(sizes)]], 0)
        steps += 1
        if steps == restart:
            lines = builder(encoding, lines.offset, **policy)
    assert records == whole


def _encodable(text: str, encoding: str) -> bytes:
    codec = "utf-16-le" if encoding == "utf-16" else encoding
    return text.encode(codec, "ignore")


@pytest.mark.parametrize("encoding", SAMPLES)
def test_a_long_line_is_cut_between_characters(encoding: str) -> None:
    text = SAMPLES[encoding] * 9
    content = encode(f"{text}\nnext\n", encoding)
    cut, after = builder(encoding, max_line_bytes=16).add(content, 0)
    assert text.startswith(cut.message)
    assert 12 < len(encode(cut.message, encoding)) <= 16
    assert (cut.flags, after.message, after.flags) == (("truncated",), "next", ())
    assert (cut.offset, cut.end, after.end) == (0, len(encode(f"{text}\n", encoding)), len(content))
    *pieces, last, after = builder(encoding, max_line_bytes=16, long_lines="split").add(content, 0)
    assert "".join(piece.message for piece in (*pieces, last)) == text
    assert all(piece.flags == ("split",) and piece.end - piece.offset <= 16 for piece in pieces)
    assert (last.flags, after.message, after.flags) == ((), "next", ())


def test_other_names_of_an_encoding_are_taken() -> None:
    assert [canonical(name) for name in ("UTF8", "utf-8-sig", "latin1", "CP1252", "sjis", "UTF-16-LE")] == [
        "utf-8", "utf-8", "iso-8859-1", "windows-1252", "shift_jis", "utf-16le",
    ]  # fmt: skip
    assert [canonical(name) for name in ("utf-7", "iso2022_jp", "cp037", "hex", "nonsense", "", "a\0b")] == [None] * 7
    assert all(canonical(name) == name and charset(name) for name in ENCODINGS)
