"""Fairlead: the ops tool-box in one file."""

__version__ = "0.1.0"
