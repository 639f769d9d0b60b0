"""`spool:`: how much may wait on disk."""

import msgspec

from fairlead.core.units import Duration, Size

FOLDER_NAME = "spool"
"""In the state directory."""
MIN_BYTES = 16 << 20
"""What is spooled at once must fit in."""


class SpoolSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The spool of an agent."""

    max_size: Size = Size(1 << 30)
    after: Duration = Duration(5)
    """A sink that has not acknowledged for so long is away, and what could vanish meanwhile is spooled."""

    def __post_init__(self) -> None:
        if self.max_size < MIN_BYTES:
            raise ValueError(f"max_size is {self.max_size} bytes; allowed is 16MiB and more")
