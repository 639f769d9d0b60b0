"""Where samples and records are kept and found again."""
