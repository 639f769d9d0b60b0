"""The text that Prometheus reads: escapes, numbers, families kept together, layouts that change."""

import math
from array import array

import pytest

from fairlead.core.sample import Family, Layout, MetricType, Series, Tick
from fairlead.net.prometheus import Exposition, exposition

LOAD = Family("node_load1", MetricType.GAUGE, "1m load average.")
BYTES = Family("node_disk_read_bytes_total", MetricType.COUNTER, "The total number of bytes read successfully.")


def test_a_tick_is_written_with_its_families_headed_once() -> None:
    layout = Layout((Series(BYTES, (("device", "sda"),)), Series(BYTES, (("device", "sdb"),)), Series(LOAD)))
    text = Exposition().of_ticks([Tick("disk", 0, layout, array("d", [512, 0.5, 1e22]))]).decode()
    assert text == (
        "# HELP node_disk_read_bytes_total The total number of bytes read successfully.\n"
        "# TYPE node_disk_read_bytes_total counter\n"
        'node_disk_read_bytes_total{device="sda"} 512\n'
        'node_disk_read_bytes_total{device="sdb"} 0.5\n'
        "# HELP node_load1 1m load average.\n"
        "# TYPE node_load1 gauge\n"
        "node_load1 1e+22\n"
    )


def test_a_missing_value_leaves_its_series_out_and_an_empty_family_its_head() -> None:
    layout = Layout((Series(BYTES, (("device", "sda"),)), Series(BYTES, (("device", "sdb"),)), Series(LOAD)))
    text = Exposition().of_ticks([Tick("disk", 0, layout, array("d", [math.nan, 7, math.nan]))]).decode()
    assert text.splitlines()[1:] == ["# TYPE node_disk_read_bytes_total counter", 'node_disk_read_bytes_total{device="sdb"} 7']


def test_a_changed_layout_is_written_with_its_new_labels() -> None:
    writer = Exposition()
    for device in ("sda", "sdb"):
        text = writer.of_ticks([Tick("disk", 0, Layout((Series(BYTES, (("device", device),)),)), array("d", [1]))]).decode()
        assert text.endswith(f'node_disk_read_bytes_total{{device="{device}"}} 1\n')


def test_label_values_are_escaped_when_they_hold_quotes_backslashes_and_newlines() -> None:
    text = exposition([(Series(LOAD, (("path", 'a"b\\c\nd'),)), 1.0)]).decode()
    assert text.splitlines()[-1] == r'node_load1{path="a\"b\\c\nd"} 1'


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.0, "0"), (-1.5, "-1.5"), (2.0**60, "1.152921504606847e+18"), (math.inf, "+Inf"), (-math.inf, "-Inf"), (math.nan, "NaN")],
)
def test_numbers_read_back_as_they_were(value: float, expected: str) -> None:
    assert exposition([(Series(LOAD), value)]).decode().splitlines()[-1] == f"node_load1 {expected}"
