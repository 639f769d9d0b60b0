"""The embedded store: SQLite in WAL mode, and a full-text index of its own."""

from fairlead.store.sqlite.opening import StoreDamaged as StoreDamaged
from fairlead.store.sqlite.opening import damage_told as damage_told
from fairlead.store.sqlite.opening import open_memory as open_memory
from fairlead.store.sqlite.opening import open_store as open_store
from fairlead.store.sqlite.store import SqliteStore as SqliteStore
