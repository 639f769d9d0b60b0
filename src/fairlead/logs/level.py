"""How bad a line is, by what it says of itself: a syslog priority, a `level` field, or a word where programs put it."""

from fairlead._native.linehead import find_level

__all__ = ["find_level"]
