import pytest

from fairlead.commands.settings import AgentSettings, UpSettings
from fairlead.core.config import decode
from fairlead.core.errors import SettingsError
from fairlead.core.units import Duration, Size
from fairlead.logs.settings import LogInput, Multiline

CASES = {
    "unknown key": ("listne: 127.0.0.1:1\n", "f.yaml:1:1: listne: unknown key; did you mean listen?"),
    "wrong type": ("store:\n  max_size: [1]\n", "f.yaml:2:3: store.max_size: "),
    "wrong type of a scalar": ("state_dir: 5\n", "f.yaml:1:12: state_dir: is a whole number; allowed is text"),
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
        "f.yaml:1:9: listen: 0.0.0.0 lets others in; allowed without token_file are loopback addresses",
    ),
    "a bad pattern of multiline": (
        "logs:\n  - paths: [/a]\n    multiline:\n      start: '('\n",
        "f.yaml:4:14: logs[0].multiline.start: is not a regular expression: missing ), unterminated subpattern at position 0; allowed is",
    ),
    "no time for multiline": (
        "logs: [{paths: [/a], multiline: {start: x, timeout: 0s}}]\n",
        "logs[0].multiline.timeout: is 0; allowed is more, such as 5s",
    ),
    "an unknown encoding": (
        "logs:\n  - paths: [/a]\n    encoding: klingon\n",
        "f.yaml:3:15: logs[0].encoding: 'klingon' is not known; allowed are utf-8, utf-16, utf-16le, utf-16be, gb18030, gbk,",
    ),
    "lines of nothing": (
        "logs: [{paths: [/a], max_line_bytes: 4}]\n",
        "f.yaml:1:38: logs[0].max_line_bytes: is 4; allowed are 16 and more",
    ),
    "an unknown policy": ("logs: [{paths: [/a], long_lines: drop}]\n", "f.yaml:1:34: logs[0].long_lines: "),
    "an unknown word": ("log_level: loud\n", "f.yaml:1:12: log_level: 'loud' is not known; allowed are debug, error, info, warning"),
    "a list without entries": ("logs: [{paths: []}]\n", "f.yaml:1:9: logs[0].paths: is empty; allowed is at least 1 entry"),
    "a list where keys belong": ("store: [1]\n", "f.yaml:1:1: store: is a list; allowed is keys with values"),
    "too few lines": (
        "logs: [{paths: [/a], multiline: {start: x, max_lines: 0}}]\n",
        "f.yaml:1:55: logs[0].multiline.max_lines: is too small; allowed is 1 and more",
    ),
    "a number among texts": (
        "logs: [{paths: [/a], fields: {team: x, shop: 5}}]\n",
        "f.yaml:1:46: logs[0].fields.shop: is a whole number; allowed is text",
    ),
    "no period of a collector": ("metrics: {cpu: 5}\n", "f.yaml:1:16: metrics.cpu: 5 is not a duration; allowed is"),
    "a member of the line itself": (
        "logs: [{paths: [/a], fields: {shop: x, message: y}}]\n",
        "f.yaml:1:22: logs[0].fields: 'message' is set by fairlead; allowed is another name",
    ),
    "no address": ("log_level: info\nlisten: nowhere\n", "f.yaml:2:9: listen: 'nowhere' is not an address to listen on; allowed is"),
    "a port of many digits": (f"listen: 127.0.0.1:{'9' * 5000}\n", "f.yaml:1:9: listen: '127.0.0.1:999"),
    "a store that keeps nothing": ("store: {max_age: 0d}\n", "f.yaml:1:18: store.max_age: is 0; allowed is more, such as 7d"),
    "a size beyond all": (f"store: {{max_size: {'9' * 400}GiB}}\n", "f.yaml:1:19: store.max_size: '999"),
    "a number of bytes beyond all": (f"store: {{max_size: {'9' * 30}}}\n", "is too large; allowed is at most 1048576TiB"),
    "a number of thousands of digits": (f"store: {{max_size: {'9' * 5000}}}\n", "f.yaml:1:19: store.max_size: '999"),
    "a duration beyond all": (f"store: {{max_age: {'9' * 400}h}}\n", "is too long; allowed is at most 36500d"),
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


def test_decode_when_inputs_are_rich_keeps_what_they_say() -> None:
    text = "logs: [{paths: [/a], encoding: UTF8, multiline: {start: '^x', timeout: 1s, max_bytes: 1KiB}, long_lines: split}]\n"
    [log_input] = decode(text.encode(), "f.yaml", UpSettings)[0].logs
    assert (log_input.encoding, log_input.long_lines, log_input.max_line_bytes) == ("utf-8", "split", 1 << 20)
    assert log_input.multiline == Multiline("^x", 500, Size(1024), Duration(1))


def test_decode_when_sink_is_not_one_says_which() -> None:
    with pytest.raises(SettingsError, match=r"f.yaml:1:1: sink: names 2 sinks; allowed is exactly one of stdout, file, http"):
        decode(b"sink: {stdout: {}, file: {path: /a}}\n", "f.yaml", AgentSettings)


@pytest.mark.parametrize(
    "key", ["log.offset", "@timestamp", "fairlead.source", "fairlead", "event.ingested", "error.message", "log", "host.name.x"]
)
def test_fields_when_they_would_hide_what_a_record_says_are_refused(key: str) -> None:
    with pytest.raises(ValueError, match="is set by fairlead; allowed is another name"):
        LogInput(paths=["/a"], fields={key: "x"})


def test_fields_when_beside_what_a_record_says_are_taken() -> None:
    assert LogInput(paths=["/a"], fields={"log.logger": "x", "service.name": "y", "messages": "z"}).fields["messages"] == "z"


def test_an_unknown_mechanism_when_deep_in_a_sink_is_told_with_those_that_are() -> None:
    text = b"sink: {kafka: {brokers: ['a:1'], topic: t, sasl: {username: u, password_file: /p, mechanism: GSSAPI}}}"
    with pytest.raises(SettingsError) as caught:
        decode(text, "f.yaml", AgentSettings)
    assert caught.value.lines() == [
        "f.yaml:1:94: sink.kafka.sasl.mechanism: 'GSSAPI' is not known; allowed are PLAIN, SCRAM-SHA-256, SCRAM-SHA-512"
    ]


def test_no_address_of_a_broker_is_told_at_its_key() -> None:
    with pytest.raises(SettingsError) as caught:
        decode(b"sink: {kafka: {brokers: ['a:99999999'], topic: t}}", "f.yaml", AgentSettings)
    assert caught.value.lines()[0].startswith("f.yaml:1:16: sink.kafka.brokers: 'a:99999999' is no address; allowed is HOST:PORT")
