import pytest

from fairlead.commands.settings import AgentSettings, UpSettings
from fairlead.core.config import decode
from fairlead.core.errors import SettingsError

CASES = {
    "unknown key": ("listne: 127.0.0.1:1\n", "f.yaml:1:1: listne: unknown key; did you mean listen?"),
    "wrong type": ("store:\n  max_size: [1]\n", "f.yaml:2:3: store.max_size: "),
    "wrong type of a scalar": ("state_dir: 5\n", "f.yaml:1:12: state_dir: is int; allowed is str"),
    "out of range": ("metrics: {cpu: 1ms}\n", "cpu: 0.001 s is too short; allowed are 100ms and more"),
    "unknown collector": ("metrics: {gpu: 1s}\n", "gpu is not a collector; allowed are cpu"),
    "duplicate key": ("listen: 127.0.0.1:1\nlisten: 127.0.0.1:2\n", "f.yaml:2:1: listen: duplicate key"),
    "bad duration": ("store:\n  max_age: soon\n", "f.yaml:2:12: store.max_age: 'soon' is not a duration; allowed is"),
    "deep in a list": (
        "logs:\n  - paths: [/a]\n  - paths: [/b]\n    exlude: [x]\n",
        "f.yaml:4:5: logs[1].exlude: unknown key; did you mean exclude?",
    ),
    "not yaml": ("a: [1\n", "f.yaml:2:1: not valid YAML"),
    "yes is text": ("journal: yes\n", "f.yaml:1:10: journal: "),
    "open to the world without a token": (
        "listen: 0.0.0.0:9320\n",
        "lets others in; allowed without token_file are loopback addresses",
    ),
    "nested in itself": ("redact: &a [*a]\n", "nested in itself"),
}


@pytest.mark.parametrize("name", CASES)
def test_decode_when_wrong_tells_place_and_what_is_allowed(name: str) -> None:
    text, expected = CASES[name]
    with pytest.raises(SettingsError) as caught:
        decode(text.encode(), "f.yaml", UpSettings)
    assert expected in "\n".join(caught.value.lines())


def test_decode_when_several_wrong_tells_all() -> None:
    with pytest.raises(SettingsError) as caught:
        decode(b"state_dir: 5\nfoo: 1\nstore:\n  max_age: 3\n", "f.yaml", UpSettings)
    assert [finding.key for finding in caught.value.findings] == ["state_dir", "foo", "store.max_age"]


def test_decode_when_empty_gives_defaults() -> None:
    settings, _ = decode(b"", "f.yaml", UpSettings)
    assert settings.listen == "127.0.0.1:9320"


def test_decode_when_sink_is_not_one_says_which() -> None:
    with pytest.raises(SettingsError, match=r"f.yaml:1:1: sink: names 2 sinks; allowed is exactly one of stdout, file, http"):
        decode(b"sink: {stdout: {}, file: {path: /a}}\n", "f.yaml", AgentSettings)
