"""Commands as jobs: read as JSON lines, run on the worker pool, told as JSON lines, and journalled so that a crash repeats little."""
