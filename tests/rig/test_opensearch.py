"""The OpenSearch that other tests rely on."""

import pytest

from tests.rig.opensearch import OpenSearch

pytestmark = pytest.mark.real


def test_documents_are_kept_when_the_node_is_killed(opensearch: OpenSearch) -> None:
    index = opensearch.new_index()
    answer = opensearch.ask("POST", f"/{index}/_bulk", [{"create": {"_id": "a-1"}}, {"message": "the first line"}])
    assert not answer["errors"]
    opensearch.kill()
    opensearch.restart()
    assert opensearch.documents(index) == {"a-1": {"message": "the first line"}}
    again = opensearch.ask("POST", f"/{index}/_bulk", [{"create": {"_id": "a-1"}}, {"message": "another"}])
    assert again["items"][0]["create"]["status"] == 409
    found = opensearch.ask("POST", f"/{index}/_search", {"query": {"match_phrase": {"message": "first line"}}})
    assert [hit["_id"] for hit in found["hits"]["hits"]] == ["a-1"]
