"""Real OpenSearch for the tests: one node from Maven's jars on a free port of 127.0.0.1."""

from tests.rig.opensearch.server import OpenSearch

__all__ = ["OpenSearch"]
