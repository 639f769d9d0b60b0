"""What every part stands on: errors, settings, time, records, the program's own log and counters."""
