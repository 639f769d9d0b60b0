"""aiohttp, imported without reading the host's certificates: import it from here and nowhere else.

aiohttp makes client contexts of the host's whole store when it is imported (`aiohttp.connector`), and each costs 6 ms and 3.6 MB, in a
process that only serves, too. Fairlead's own client gives its own context (trust.py), so aiohttp's get an empty store: they trust nobody.
"""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def _empty_default_store() -> Iterator[None]:
    name = "set_default_verify_paths"  # inherited from C; what hides it for a while is taken away again
    setattr(ssl.SSLContext, name, lambda _: None)
    try:
        yield
    finally:
        delattr(ssl.SSLContext, name)


with _empty_default_store():
    import aiohttp
    from aiohttp import web

__all__ = ["aiohttp", "web"]
