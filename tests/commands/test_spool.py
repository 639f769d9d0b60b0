"""`fairlead spool` as a process: what it finds, prints and mends, and whom it refuses."""

import json
from pathlib import Path

import pytest

from fairlead.core.sink import Keyed
from fairlead.core.spool import Spool
from fairlead.core.spool.format import HEADER_BYTES, segment_path
from fairlead.core.statedir import StateDir
from fairlead.logs.spooling import pack_sample
from tests.support.program import fairlead

pytestmark = pytest.mark.real


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state directory with a spool of nine frames, the first two acknowledged."""
    state = tmp_path / "state"
    spool = Spool(state / "spool", 1 << 20, segment_bytes=1000)
    spool.open()
    for i in range(9):
        spool.append([pack_sample(Keyed("k", json.dumps({"message": f"line {i}", "fill": "x" * 80}).encode()))])
    spool.acknowledge(spool.read(1000)[1].place)
    spool.close()
    return state


def damage(state: Path, segment: int) -> Path:
    """Flip a byte in the first frame of a segment."""
    file = segment_path(state / "spool", segment)
    data = bytearray(file.read_bytes())
    data[HEADER_BYTES + 60] ^= 1
    file.write_bytes(data)
    return file


def messages(out: str) -> list[str]:
    return [json.loads(line)["message"] for line in out.splitlines()]


def test_a_sound_spool_is_told_so_and_left_alone(state: Path) -> None:
    before = {path.name: path.read_bytes() for path in (state / "spool").iterdir()}
    done = fairlead("spool", "verify", "--state-dir", str(state))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("7 frames wait: the spool is sound\n")
    report = json.loads(fairlead("spool", "verify", "--json", "--state-dir", str(state)).stdout)
    assert (report["waiting"], report["problems"], report["bytes"]) == (7, [], sum(map(len, before.values())) - len(before["head"]))
    repaired = fairlead("spool", "repair", "--state-dir", str(state))
    assert (repaired.returncode, repaired.stdout) == (0, "7 frames wait: nothing to repair\n")
    assert {path.name: path.read_bytes() for path in (state / "spool").iterdir()} == before


def test_export_prints_what_waits_and_with_all_what_is_still_there(state: Path) -> None:
    done = fairlead("spool", "export", "--state-dir", str(state))
    assert (done.returncode, messages(done.stdout)) == (0, [f"line {i}" for i in range(2, 9)])
    whole = fairlead("spool", "export", "--all", "--state-dir", str(state))
    assert messages(whole.stdout) == [f"line {i}" for i in range(9)]


def test_damage_to_what_is_acknowledged_is_told_but_not_as_a_loss(state: Path) -> None:
    damage(state, 1)
    found = fairlead("spool", "verify", "--state-dir", str(state))
    assert found.returncode == 1
    assert "damaged, in what is acknowledged, 1" in found.stdout
    assert "lost" not in found.stdout
    assert found.stdout.endswith("7 frames wait: 1 problem\n")


def test_damage_is_found_passed_over_and_repaired(state: Path) -> None:
    file = damage(state, 2)
    whole = file.read_bytes()
    found = fairlead("spool", "verify", "--state-dir", str(state))
    assert found.returncode == 1
    first, last = found.stdout.splitlines()
    assert first.startswith(f"{file}:{HEADER_BYTES}: damaged, ")
    assert first.endswith(" bytes passed over, 1 frame lost")
    assert last.endswith("6 frames wait: 1 problem")
    [problem] = json.loads(fairlead("spool", "verify", "--json", "--state-dir", str(state)).stdout)["problems"]
    assert (problem["file"], problem["offset"], problem["frames"]) == (str(file), HEADER_BYTES, 1)
    exported = fairlead("spool", "export", "--state-dir", str(state))
    assert (exported.returncode, exported.stderr) == (1, first + "\n")
    assert len(messages(exported.stdout)) == 6

    repaired = fairlead("spool", "repair", "--state-dir", str(state))
    assert repaired.returncode == 1
    told, moved, last = repaired.stdout.splitlines()
    assert (told, last) == (first, "6 frames wait, 1 lost")
    aside = Path(moved.partition(":")[0])
    assert aside.name.startswith(f"{file.name}.corrupt-")
    assert aside.read_bytes() == whole
    assert fairlead("spool", "verify", "--state-dir", str(state)).returncode == 0
    assert fairlead("spool", "export", "--state-dir", str(state)).stdout == exported.stdout
    again = fairlead("spool", "repair", "--json", "--state-dir", str(state))
    assert json.loads(again.stdout) == {"waiting": 6, "lost": 0, "problems": [], "moved": []}


def test_a_repair_is_refused_while_an_agent_holds_the_state_directory(state: Path) -> None:
    damage(state, 2)
    lock = StateDir(state)
    try:
        done = fairlead("spool", "repair", "--state-dir", str(state))
        assert (done.returncode, done.stdout) == (2, "")
        assert "in use by another fairlead" in done.stderr
        assert fairlead("spool", "verify", "--state-dir", str(state)).returncode == 1
    finally:
        lock.close()


@pytest.mark.parametrize("word", ["verify", "export", "repair"])
def test_where_there_is_no_spool_it_is_said(tmp_path: Path, word: str) -> None:
    done = fairlead("spool", word, "--state-dir", str(tmp_path / "none"))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"fairlead: {tmp_path}/none/spool: there is no spool yet; give the --state-dir of an agent\n"
    assert not (tmp_path / "none").exists()
