"""What stops a build."""


class BuildError(Exception):
    """One line that says what is wrong, where, and what to do."""
