"""The words and options of `fairlead logs`, in this process."""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from fairlead.cli import run
from fairlead.core.clock import SystemClock
from fairlead.store.settings import StoreSettings
from fairlead.store.sqlite import open_store
from tests.support.samples import batch, put


@pytest.fixture
def state(tmp_path: Path) -> Iterator[str]:
    """A store with four lines."""
    with contextlib.closing(open_store(tmp_path, StoreSettings(), SystemClock())) as store:
        put(store, [batch("s", 0, ["one fish", "two fish", "--red herring", "failed"])], [], "host")
    before = signal.getsignal(signal.SIGTERM)
    yield str(tmp_path)
    signal.signal(signal.SIGTERM, before)


def messages(capfd: pytest.CaptureFixture[str]) -> list[str]:
    return [line.split(" ", 2)[2] for line in capfd.readouterr().out.splitlines()]


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["fish"], ["one fish", "two fish"]),
        (["fish", "-one"], ["two fish"]),
        (["-failed", "-fish"], ["--red herring"]),
        (["-one fish", "--limit", "1"], ["two fish"]),
        (["-h", "-fish"], None),
        (["--", "--red"], ["one fish", "two fish", "failed"]),
        (["--limit", "2", "--", "-herring", "-failed"], ["one fish", "two fish"]),
        (["-", "one"], ["one fish"]),
    ],
)
def test_words_with_dashes(state: str, capfd: pytest.CaptureFixture[str], arguments: list[str], found: list[str] | None) -> None:
    assert run(["logs", "--state-dir", state, *arguments]) == 0
    if found is None:
        assert "Search the stored log lines" in capfd.readouterr().out
    else:
        assert messages(capfd) == found


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--nosuch"], "No such option: --nosuch; words that begin with -- stand behind a -- of its own (see fairlead logs --help)"),
        (["fish", "--sinse=1h"], "No such option: --sinse; did you mean --since? words"),
        (["--limit", "9223372036854775807"], "is not in the range"),
        (["--level", "foo"], "--level: 'foo' is not a level; allowed are trace, debug, info, notice, warning, error, critical, alert"),
        (["--since", "inf"], "--since: 'inf' is not a time"),
        (["--since", "999999d"], "'999999d' is not a time; allowed is RFC 3339, seconds since the epoch, or a duration up to 36500d"),
        (["--until", "9" * 400 + "h"], "is not a time"),
        (["--since", "0001-01-01T00:00:00"], ""),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(state: str, capfd: pytest.CaptureFixture[str], arguments: list[str], told: str) -> None:
    code = run(["logs", "--state-dir", state, *arguments])
    error = capfd.readouterr().err
    assert code == (2 if told else code)
    assert told in error
    assert error.count("\n") <= 1


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        (["--since", "0001-01-01T00:00:00+14:00"], 4),
        (["--until", "0001-01-01T00:00:00+14:00"], 0),
        (["--until", "9999-12-31T23:59:59-14:00"], 4),
        (["--since", "99999999999999999999"], 0),
        (["--since", "-99999999999999999999"], 4),
    ],
)
def test_a_time_beyond_what_can_be_stored_is_taken_as_it_is_meant(
    state: str, capfd: pytest.CaptureFixture[str], arguments: list[str], count: int
) -> None:
    assert run(["logs", "--state-dir", state, *arguments]) == 0
    assert len(messages(capfd)) == count


def test_an_unknown_level_in_a_query_matches_nothing_and_is_told(state: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["logs", "--state-dir", state, "level:foo"]) == 0
    out, error = capfd.readouterr()
    assert out == ""
    assert error.startswith("fairlead: level:foo matches nothing; levels are trace, debug, info,")


def test_a_directory_without_a_store_is_told_apart(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["audit", "--state-dir", str(tmp_path)]) == 2
    assert "there is no store yet; start fairlead up" in capfd.readouterr().err
    (tmp_path / "checkpoint.a").touch()
    for command in (["audit"], ["logs"], ["store", "verify"]):
        assert run([*command, "--state-dir", str(tmp_path)]) == 2
        assert f"{tmp_path}: this is an agent's state directory; give the collector's with" in capfd.readouterr().err


def test_an_audit_without_sources_says_so(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    open_store(tmp_path, StoreSettings(), SystemClock()).close()
    assert run(["audit", "--state-dir", str(tmp_path)]) == 0
    assert capfd.readouterr() == (
        "lost=0 doubled=0 unknown=0\n",
        "fairlead: no source is known yet, so there is nothing to prove\n",
    )


@pytest.mark.parametrize("command", [["audit"], ["logs", "fish"], ["store", "export"]])
def test_a_damaged_store_is_told_in_a_line(state: str, capfd: pytest.CaptureFixture[str], command: list[str]) -> None:
    _damage(Path(state) / "store.db")
    assert run([*command, "--state-dir", state]) == 2
    error = capfd.readouterr().err
    assert error.startswith(f"fairlead: {state}/store.db: ")
    assert error.endswith("; see fairlead store verify\n")
    assert error.count("\n") == 1


def test_a_damaged_store_is_a_finding_of_verify(state: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["store", "verify", "--state-dir", state]) == 0
    assert capfd.readouterr().out == "the store is sound\n"
    _damage(Path(state) / "store.db")
    assert run(["store", "verify", "--state-dir", state]) == 1
    out, error = capfd.readouterr()
    assert "problem" in out.splitlines()[-1]
    assert error == ""


def _damage(file: Path) -> None:
    """Overwrite all pages but the first, where the schema is."""
    page = 4096
    with file.open("r+b") as stream:
        stream.seek(page)
        stream.write(b"\xa5" * (file.stat().st_size - page))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize(
    "command",
    [["audit"], ["logs"], ["store", "verify"], ["store", "export"], ["spool", "repair"], ["spool", "verify"], ["spool", "export"]],
)
def test_what_belongs_to_another_user_is_told(tmp_path: Path, capfd: pytest.CaptureFixture[str], command: list[str]) -> None:
    (private := tmp_path / "private").mkdir(0o700)
    # What a command imports may lie where only root looks.
    run([*command, "--state-dir", str(tmp_path / "none")])
    capfd.readouterr()
    before = signal.getsignal(signal.SIGTERM)
    for folder in (tmp_path, *list(tmp_path.parents)[:2]):
        folder.chmod(0o755)
    os.seteuid(65534)
    try:
        assert run([*command, "--state-dir", str(private)]) == 2
    finally:
        os.seteuid(0)
        signal.signal(signal.SIGTERM, before)
    assert f"{private}/" in (error := capfd.readouterr().err)
    assert "Permission denied" in error
    assert error.count("\n") == 1
