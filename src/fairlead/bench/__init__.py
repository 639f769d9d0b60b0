"""The benchmark harness and its contenders."""
