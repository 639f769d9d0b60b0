"""The parts that the file is made of, each a recipe in recipes/ and the parts that it needs."""

from typing import NamedTuple


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


def _extension(name: str, *modules: str, needs: tuple[str, ...] = (), spare: tuple[str, ...] = ()) -> Part:
    return Part(name, f"pypi:{name}", ("tools", "python", *needs), "extension", modules, spare)


PARTS = (
    Part("tools", inputs=("build/lock/binary-tools.txt",)),
    Part("openssl", "openssl", ("tools",)),
    Part("sqlite", "sqlite3", ("tools",)),
    Part("zlib", "zlib", ("tools",)),
    Part("xz", "xz-utils", ("tools",)),
    Part("bzip2", "bzip2", ("tools",)),
    Part("libffi", "libffi", ("tools",)),
    Part("libyaml", "libyaml", ("tools",)),
    Part("python", "python3.13", ("tools", "openssl", "sqlite", "zlib", "xz", "bzip2", "libffi")),
    _extension("uvloop", "uvloop.loop"),
    _extension(
        "aiohttp", "aiohttp._http_parser", "aiohttp._http_writer", "aiohttp._websocket.mask", "aiohttp._websocket.reader_c", needs=("zlib",)
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
        needs=("tools", "python"),
        modules=("fairlead._native.linescan", "fairlead._native.oscalls", "fairlead._native.procparse"),
        inputs=("native", "setup.py", "build/lock/run.txt"),
    ),
    Part("pure", "pypi:*", ("tools", "python")),
)
