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
