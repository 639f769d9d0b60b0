"""The parts that the file is made of, each a recipe in recipes/ and the parts that it needs."""

from pathlib import Path
from typing import NamedTuple

NATIVE = Path(__file__).parents[2] / "native"
"""Every .pyx in it is a kernel, here as in setup.py."""


class Part(NamedTuple):
    """A step of the build with a folder of its own as its result."""

    name: str
    source: str = ""
    """A Debian source of build/lock/binary.json, or a requirement of build/lock/run.txt as `pypi:NAME`, or `pypi:*` for the rest."""
    needs: tuple[str, ...] = ()
    recipe: str = ""
    """The script in recipes/; left out: the one of the part's own name."""
    modules: tuple[str, ...] = ()
    """The extension modules that it must yield: one that is missing or not named here fails the build."""
    spare: tuple[str, ...] = ()
    """Modules that it builds as well and that are not wanted."""
    inputs: tuple[str, ...] = ()
    """Files and folders of the checkout that it reads."""
    libc: str = ""
    """The libc kind that alone needs it; left out: both."""
    host: bool = False
    """Whether one result serves every kind, as nothing in it is of a processor or runs on this machine only."""


def _extension(name: str, *modules: str, needs: tuple[str, ...] = (), spare: tuple[str, ...] = ()) -> Part:
    return Part(name, f"pypi:{name}", ("tools", "python", *needs), "extension", modules, spare)


PARTS = (
    Part("tools", inputs=("build/lock/binary-tools.txt",), host=True),
    Part("openssl", "openssl", ("tools",)),
    Part("sqlite", "sqlite3", ("tools",)),
    Part("zlib", "zlib", ("tools",)),
    Part("xz", "xz-utils", ("tools",)),
    Part("bzip2", "bzip2", ("tools",)),
    Part("libffi", "libffi", ("tools",)),
    Part("libyaml", "libyaml", ("tools",)),
    Part("lz4", "lz4", ("tools",)),
    Part("zstd", "libzstd", ("tools",)),
    Part("mimalloc", "python3.13", ("tools",), inputs=("build/onefile/launcher/heap.c",), libc="musl"),
    Part("python", "python3.13", ("tools", "openssl", "sqlite", "zlib", "xz", "bzip2", "libffi")),
    _extension("uvloop", "uvloop.loop"),
    _extension(
        "aiohttp", "aiohttp._http_parser", "aiohttp._http_writer", "aiohttp._websocket.mask", "aiohttp._websocket.reader_c", needs=("zlib",)
    ),
    _extension(
        "aiokafka",
        "aiokafka.record._crecords.cutil",
        "aiokafka.record._crecords.default_records",
        "aiokafka.record._crecords.legacy_records",
        "aiokafka.record._crecords.memory_records",
        needs=("zlib",),
    ),
    _extension("multidict", "multidict._multidict", spare=("multidict._testcapi", "multidict._testcyapi")),
    _extension("yarl", "yarl._quoting_c"),
    _extension("frozenlist", "frozenlist._frozenlist"),
    _extension("propcache", "propcache._helpers_c"),
    _extension("msgspec", "msgspec._core"),
    _extension("orjson", "orjson.orjson"),
    _extension("PyYAML", "yaml._yaml", needs=("libyaml",)),
    Part(
        "kernels",
        needs=("tools", "python", "lz4", "zstd"),
        modules=tuple(sorted(f"fairlead._native.{kernel.stem}" for kernel in NATIVE.glob("*.pyx"))),
        inputs=("native", "setup.py", "build/lock/run.txt"),
    ),
    Part("pure", "pypi:*", ("tools", "python"), host=True),
)
