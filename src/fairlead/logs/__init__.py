"""Log lines from files and the journal, in one straight line to a sink."""
