"""The words kernel and its twin, by the same cases."""

from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead._native import words, words_pure

TEXT = st.text(st.sampled_from("aAbB1 _-./äÄ日…é"), max_size=40)


@pytest.fixture(params=[words, words_pure], ids=["native", "pure"])
def kernel(request: pytest.FixtureRequest) -> ModuleType:
    """One of the twins."""
    module: ModuleType = request.param
    return module


@pytest.mark.parametrize(
    ("message", "phrases", "excluded", "matches"),
    [
        ("connection refused by peer", [["refused"]], [], True),
        ("Connection REFUSED by peer", [["connection", "refused"]], [], True),
        ("connection was refused", [["connection", "refused"]], [], False),
        ("refusedly", [["refused"]], [], False),
        ("a refuse", [["refused"]], [], False),
        ("a b", [["b"], ["a"]], [], True),
        ("a b", [["a"]], [["b"]], False),
        ("a a b", [["a", "b"]], [], True),
        ("", [["a"]], [], False),
        ("end", [["end", "more"]], [], False),
        ("anything", [], [], True),
    ],
)
def test_phrases_are_words_in_a_row(
    kernel: ModuleType, message: str, phrases: list[list[str]], excluded: list[list[str]], matches: bool
) -> None:
    assert kernel.PhraseMatcher(phrases, excluded, str)(message) is matches


def test_a_message_beyond_ascii_is_folded_first(kernel: ModuleType) -> None:
    matcher = kernel.PhraseMatcher([["grosse"]], [], lambda text: text.replace("ö", "o").replace("ß", "ss"))
    assert matcher("eine größere") is False
    assert matcher("eine gröse grosse") is True


@given(st.lists(TEXT), TEXT, TEXT)
def test_the_twins_agree(messages: list[str], first: str, second: str) -> None:
    phrases = [phrase for text in (first, second) if (phrase := text.lower().split())]
    for message in messages:
        assert words.PhraseMatcher(phrases[:1], phrases[1:], str)(message) == words_pure.PhraseMatcher(phrases[:1], phrases[1:], str)(
            message
        )
