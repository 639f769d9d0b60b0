"""Host metrics from /proc and /sys, each collector at its own period."""
