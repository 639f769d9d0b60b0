"""What a configuration asks of this host and of others, with the place of each finding."""

import os
from pathlib import Path

import pytest

from fairlead.commands.validate import find

SOURCE = "source: {http: {listen: '127.0.0.1:0'}}"


def findings(folder: Path, text: str) -> list[str]:
    """Return the findings of a configuration, without the file's name."""
    file = folder / "fairlead.yaml"
    file.write_text(f"state_dir: {folder}\n{text}\n")
    return [str(finding).removeprefix(f"{file}:") for finding in find(str(file), None)]


def secret(folder: Path, mode: int = 0o600) -> Path:
    """Make a file that holds a password."""
    file = folder / "secret"
    file.write_text("s3cret\n")
    file.chmod(mode)
    return file


def test_an_opensearch_store_is_checked(tmp_path: Path) -> None:
    (ca := tmp_path / "ca.pem").write_text("no certificate")
    file = secret(tmp_path, 0o644)
    found = findings(
        tmp_path,
        f"{SOURCE}\nstore:\n  opensearch:\n    urls: [https://a:9200, http://b:9200, http://127.0.0.1:9200]\n"
        f"    username: u\n    password_file: {file}\n    ca_file: {ca}",
    )
    assert found == [
        "5:28: warning: store.opensearch.urls[1]: the password would travel unencrypted; https",
        f"7:20: warning: store.opensearch.password_file: {file} can be read by others (mode 0644); chmod 600 {file}",
        f"8:14: store.opensearch.ca_file: CA file {ca}: not PEM; give PEM certificates",
    ]


def test_an_opensearch_store_with_files_that_are_not_there_is_told(tmp_path: Path) -> None:
    options = "urls: [https://a:9200], username: u, password_file: /none, ca_file: /none"
    found = findings(tmp_path, f"{SOURCE}\nstore: {{opensearch: {{{options}}}}}")
    assert found == [
        "3:74: store.opensearch.password_file: /none: No such file or directory; a file that this user can read",
        "3:90: store.opensearch.ca_file: CA file /none: No such file or directory; give PEM certificates",
    ]


def test_an_opensearch_store_without_secrets_is_clean(tmp_path: Path) -> None:
    assert findings(tmp_path, f"{SOURCE}\nstore: {{opensearch: {{urls: [http://a:9200]}}}}") == []
    [found] = findings(tmp_path, f"{SOURCE}\nstore: {{opensearch: {{urls: [ftp://a]}}}}")
    assert found.startswith("3:22: store.opensearch.urls: 'ftp://a' is no URL of a node")


def test_a_password_in_the_url_of_a_collector_is_not_repeated(tmp_path: Path) -> None:
    [found] = findings(tmp_path, "logs: []\nsink: {http: {url: 'http://user:s3cret@c.example'}}")
    assert found == "3:20: sink.http.url: a URL with a user or password in it would be shown; use token_file"


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://127.0.0.1:9322", None),
        ("https://c.example", None),
        ("https://proxy.example/logs/api/v1/ingest", None),
        ("http://c.example:9322", "warning: sink.http.url: the token would travel unencrypted; https"),
        (
            "https://c.example/ingest",
            "sink.http.url: no collector takes in anything at /ingest; allowed is http[s]://HOST:PORT, with or without /api/v1/ingest",
        ),
        (
            "c.example:9322",
            "sink.http.url: c.example:9322 is no URL of a collector; allowed is http[s]://HOST:PORT, with or without /api/v1/ingest",
        ),
        (
            "https://c:x/",
            "sink.http.url: https://c:x/api/v1/ingest is no URL of a collector;"
            " allowed is http[s]://HOST:PORT, with or without /api/v1/ingest",
        ),
    ],
)
def test_the_url_of_a_collector_is_checked(tmp_path: Path, url: str, told: str | None) -> None:
    found = findings(tmp_path, f"logs: []\nsink: {{http: {{url: '{url}', token_file: {secret(tmp_path)}}}}}")
    assert found == ([f"3:20: {told}"] if told else [])


def test_a_password_in_the_clear_to_a_broker_is_told(tmp_path: Path) -> None:
    sasl = f"sasl: {{mechanism: PLAIN, username: u, password_file: {secret(tmp_path)}}}"
    unreachable = "255.255.255.255:9092"
    found = findings(tmp_path, f"logs: []\nsink: {{kafka: {{brokers: ['{unreachable}'], topic: t, {sasl}}}}}")
    assert "3:26: warning: sink.kafka.brokers[0]: the password would travel unencrypted; tls, or SCRAM-SHA-512" in found
    found = findings(
        tmp_path, f"logs: []\nsink: {{kafka: {{brokers: ['{unreachable}'], topic: t, {sasl.replace('PLAIN', 'SCRAM-SHA-256')}}}}}"
    )
    assert not any("unencrypted" in one for one in found)


def test_a_pattern_that_goes_astray_is_told(tmp_path: Path) -> None:
    (tmp_path / "app.log").touch()
    found = findings(
        tmp_path,
        f"sink: {{stdout: {{}}}}\nredact: [x, '(a+)+$']\nlogs:\n  - paths: ['{tmp_path}/app.log']\n    multiline:\n      start: '(b|b)*c'",
    )
    told = "takes too long on a line such as"
    assert [finding.partition(told)[0] for finding in found] == [
        "3:13: warning: redact[1]: ",
        "7:14: warning: logs[0].multiline.start: ",
    ]
    assert found[0].endswith("all else would wait; no repetition within a repetition")


def test_paths_that_nobody_wrote_may_match_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fairlead.commands.preflight_logs.discover", lambda *_: [])
    assert findings(tmp_path, "sink: {stdout: {}}") == []
    [found] = findings(tmp_path, f"sink: {{stdout: {{}}}}\nlogs: [{{paths: ['{tmp_path}/none']}}]")
    assert found.endswith("matches no file now")


def test_a_certificate_that_is_not_there_is_told_once_at_its_key(tmp_path: Path) -> None:
    tls = "tls: {cert_file: /none}"
    found = findings(tmp_path, f"sink: {{kafka: {{brokers: ['127.0.0.1:1'], topic: t, {tls}}}}}\nlogs: []")
    assert [finding for finding in found if "cert_file" in finding] == ["2:69: sink.kafka.tls.cert_file: /none: No such file or directory"]


def test_a_state_directory_that_others_use_is_told(tmp_path: Path) -> None:
    shared = Path("/var/tmp")
    file = tmp_path / "fairlead.yaml"
    file.write_text(f"state_dir: {shared}\nsink: {{stdout: {{}}}}\nlogs: []\n")
    assert [str(finding) for finding in find(str(file), None)] == [
        f"{file}:1:12: state_dir: {shared}: shared by all users; give a directory of its own, such as {shared}/fairlead"
    ]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_state_directory_below_one_of_root_is_told(tmp_path: Path) -> None:
    (private := tmp_path / "private").mkdir(0o700)
    file = tmp_path / "fairlead.yaml"
    file.write_text(f"state_dir: {private}/state\nsink: {{stdout: {{}}}}\nlogs: []\n")
    find(str(file), None)  # what this imports may lie where only root looks
    for folder in (tmp_path, *list(tmp_path.parents)[:2]):
        folder.chmod(0o755)
    os.seteuid(65534)
    try:
        found = find(str(file), None)
    finally:
        os.seteuid(0)
    assert [str(finding) for finding in found] == [f"{file}:1:12: state_dir: {private}/state: Permission denied; a directory of this user"]


def test_a_configuration_may_come_by_a_pipe() -> None:
    reading, writing = os.pipe()
    try:
        os.write(writing, b"sink: {stdout: {}}\nstate_dir: 5\n")
        os.close(writing)
        [found] = find(f"/dev/fd/{reading}", None)
    finally:
        os.close(reading)
    assert (found.key, found.line) == ("state_dir", 2)
