"""Is this host all right, and if not, since when and why."""
