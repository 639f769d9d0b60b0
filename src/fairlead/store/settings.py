"""`store:`: how long and how much is kept."""

import msgspec

from fairlead.core.units import Duration, Size


class StoreSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Retention of the embedded store; what comes first ends a record's life."""

    max_age: Duration = Duration(7 * 86400)
    max_size: Size = Size(2 << 30)
    samples_max_age: Duration = Duration(86400)
    """How long each sample is kept as it was taken."""
    rollups_max_age: Duration = Duration(30 * 86400)
    """How long the one-minute roll-ups are kept."""

    def __post_init__(self) -> None:
        for key, least in (("max_age", "7d"), ("max_size", "2GiB")):
            if not getattr(self, key):
                raise ValueError(f"{key} is 0; allowed is more, such as {least}")
