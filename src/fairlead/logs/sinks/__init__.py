"""Where batches and samples go; one file a sink."""
