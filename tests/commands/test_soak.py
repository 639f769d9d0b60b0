"""`fairlead up` under load for minutes: memory, descriptors and threads stay flat.

`build/dev soak` runs it from source and as the one file.
"""

from pathlib import Path

import pytest

from tests.support.program import Start
from tests.support.soak import Load, soak

pytestmark = [pytest.mark.real, pytest.mark.soak]


def test_up_stays_flat_for_minutes(tmp_path: Path, start: Start) -> None:
    held = soak(tmp_path, start, Load(scrapes=6000, cut_streams=300, reloads=20), rounds=10)
    warm, last = held[4], held[-1]
    assert (last.descriptors, last.threads) == (warm.descriptors, warm.threads), held
    assert last.resident_bytes - warm.resident_bytes < 3 << 20, held
