"""Lines in OpenSearch, samples in SQLite, one store to whoever asks."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from fairlead.core.sample import MetricType
from fairlead.store.interface import AgentLedger, Intake, LogQuery, Store, StoredHost
from fairlead.store.opensearch.settings import OpenSearchSettings
from fairlead.store.opensearch.store import OpenSearchStore
from fairlead.store.settings import StoreSettings
from fairlead.store.split import SplitStore
from fairlead.store.sqlite import open_store
from tests.rig.opensearch import OpenSearch
from tests.store.test_ledger import told
from tests.support.samples import NOON_NS, SECOND_NS, ManualClock, batch, layout, tick

pytestmark = pytest.mark.real
LOAD = layout("load", ("node_load1", MetricType.GAUGE, {}))


@pytest.fixture
def store(opensearch: OpenSearch, tmp_path: Path) -> Iterator[SplitStore]:
    """An empty store."""
    settings = OpenSearchSettings([opensearch.url], f"split-{uuid.uuid4().hex[:12]}", replicas=0)
    clock = ManualClock()
    made = SplitStore(OpenSearchStore(settings, clock, _nothing_is_poison), open_store(tmp_path, StoreSettings(), clock))
    yield made
    made.close()
    opensearch.ask("DELETE", f"/{settings.index}*")


def _nothing_is_poison(refused: object) -> None:
    raise AssertionError(refused)


def test_lines_and_samples_are_found_where_they_belong(store: SplitStore) -> None:
    as_any: Store = store
    sampled_ns = NOON_NS + 60 * SECOND_NS
    ticks = [("sampled", [tick("load", sampled_ns, LOAD, [0.5])]), ("host", [tick("load", sampled_ns + 1, LOAD, [2.0])])]
    as_any.write(Intake(batches=[batch("s", 0, ["one", "two"])], ticks=ticks, statements=[told(8)], consumed={("logs", 0): 5}))
    begin_s = sampled_ns / 1e9
    assert as_any.series(["node_load1"], begin_s, begin_s + 1, 1, "sampled").series[0].mean == [0.5]
    assert as_any.hosts() == [StoredHost("host", sampled_ns + 1), StoredHost("sampled", sampled_ns)]
    assert as_any.span() == (NOON_NS, sampled_ns + 1)
    found = as_any.search(LogQuery(), 1)
    assert [one.record.message for one in (*found, *as_any.search(LogQuery(), 5, found[0]))] == ["two", "one"]
    assert as_any.record(found[0].id) == found[0] == as_any.context(found[0].id, 0, 0)[0]
    assert [one.record.message for one in as_any.scan(LogQuery(), upto=as_any.mark())] == ["one", "two"]
    assert sum(bar.count for bar in as_any.histogram(LogQuery(), NOON_NS, NOON_NS + 10 * SECOND_NS, 2)) == 2
    assert as_any.ledger() == [AgentLedger("agent", sources=1, lines=2, lost=0, unknown=0)]
    assert ([audit.end for audit in as_any.audit()], [position.offset for position in as_any.positions()]) == ([8], [8])
    assert (as_any.agents(), store.sweep()) == ([], False)
