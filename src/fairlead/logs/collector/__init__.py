"""The collector: what agents send, taken in, judged and stored once."""
