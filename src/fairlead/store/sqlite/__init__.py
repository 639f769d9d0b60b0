"""The embedded store: SQLite with WAL and FTS5."""

from fairlead.store.sqlite.opening import open_memory as open_memory
from fairlead.store.sqlite.opening import open_store as open_store
from fairlead.store.sqlite.store import SqliteStore as SqliteStore
