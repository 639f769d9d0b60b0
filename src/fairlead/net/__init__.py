"""Protocols without policy."""
