"""`fairlead bench` as a process."""

import json
from pathlib import Path

import pytest

from tests.support.program import fairlead

pytestmark = pytest.mark.real


def test_list_names_every_case() -> None:
    told = json.loads(fairlead("bench", "list", "--json").stdout)
    assert [case["case"] for case in told["cases"]] == ["prime", "pool", "net", "proc", "lines", "json", "startup"]
    assert "reference: Go" in fairlead("bench", "list").stdout


@pytest.mark.parametrize("method", ["simd", "trial", "python"])
def test_prime_prints_the_count_then_the_seconds(method: str) -> None:
    done = fairlead("bench", "prime", "--n", "10000", "--method", method)
    first, second, rest = done.stdout.split("\n")
    assert (done.returncode, first, rest) == (0, "1229", "")
    assert second.startswith("kernel_s=")
    assert float(second.removeprefix("kernel_s=")) > 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--n", "-1"), "--n"),
        (("--n", str(2**64 + 1)), "--n"),
        (("--n", "10", "--method", "sieve"), "simd"),
        (("--n", "10", "--threads", "0"), "--threads"),
        ((), "--n"),
    ],
)
def test_prime_refuses_what_it_cannot_do(words: tuple[str, ...], told: str) -> None:
    done = fairlead("bench", "prime", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_compare_without_the_reference_says_so_and_runs_the_rest(tmp_path: Path) -> None:
    done = fairlead(
        "bench", "compare", "startup", "--runs", "2", "--reference", str(tmp_path), "--json", "--out", str(tmp_path / "chart.svg")
    )
    assert done.returncode == 0, done.stderr
    (case,) = json.loads(done.stdout)["cases"]
    by_name = {one["contender"]: one for one in case["contenders"]}
    assert by_name["Go"]["missing"] == f"{tmp_path} has no program server"
    assert [run["peak_bytes"] > 1e6 for run in by_name["fairlead version"]["runs"]] == [True, True]
    assert (tmp_path / "chart.svg").read_text().startswith("<svg")


def test_compare_sets_the_reference_beside_it_in_a_table(tmp_path: Path) -> None:
    server = tmp_path / "server"
    server.write_text("#!/bin/sh\necho 1.0\n")
    server.chmod(0o755)
    table = tmp_path / "table.md"
    done = fairlead("bench", "compare", "startup", "--runs", "2", "--reference", str(tmp_path), "--out", str(table))
    assert done.returncode == 0, done.stderr
    assert done.stdout == table.read_text()
    assert "| Go |" in done.stdout
    assert "| 1 (1 to 1) |" in done.stdout


def test_a_case_or_a_file_that_is_not_known_is_refused(tmp_path: Path) -> None:
    unknown = fairlead("bench", "run", "sieve")
    assert (unknown.returncode, "no case sieve; allowed are prime" in unknown.stderr) == (2, True)
    form = fairlead("bench", "run", "startup", "--out", str(tmp_path / "table.txt"))
    assert (form.returncode, ".md, .json, .svg" in form.stderr) == (2, True)
