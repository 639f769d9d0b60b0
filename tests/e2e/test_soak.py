"""The one file under a short load: memory, descriptors and threads stay flat. The long one is tests/commands/test_soak.py."""

from pathlib import Path

import pytest

from tests.support.program import Start
from tests.support.soak import Load, soak


@pytest.mark.e2e
def test_up_stays_flat_for_some_seconds(tmp_path: Path, start: Start) -> None:
    held = soak(tmp_path, start, Load(scrapes=300, cut_streams=80, reloads=6), rounds=4)
    warm, last = held[1], held[-1]
    assert (last.descriptors, last.threads) == (warm.descriptors, warm.threads), held
    assert last.resident_bytes - warm.resident_bytes < 4 << 20, held
