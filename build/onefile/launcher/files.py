"""The files of the archive as `importlib.resources` and `importlib.metadata` see them."""

import io
from importlib.metadata import Distribution
from importlib.resources.abc import Traversable, TraversableResources

import _archive

_FILES = [name.removeprefix("data:") for name in _archive.names() if name.startswith("data:")]


class ArchiveFile(Traversable):
    """A file or folder of the archive."""

    def __init__(self, path):
        self._path = path

    @property
    def name(self):
        return self._path.rpartition("/")[2]

    def iterdir(self):
        prefix = f"{self._path}/"
        for name in dict.fromkeys(file[len(prefix) :].partition("/")[0] for file in _FILES if file.startswith(prefix)):
            yield ArchiveFile(prefix + name)

    def is_dir(self):
        return any(file.startswith(f"{self._path}/") for file in _FILES)

    def is_file(self):
        return _archive.data(self._path) is not None

    def joinpath(self, *descendants):
        return ArchiveFile("/".join((self._path, *descendants)))

    def open(self, mode="r", *args, **kwargs):
        stream = io.BytesIO(self.read_bytes())
        return stream if "b" in mode else io.TextIOWrapper(stream, *args, **kwargs)

    def read_bytes(self):
        data = _archive.data(self._path)
        if data is None:
            raise FileNotFoundError(self._path)
        return bytes(data)

    def read_text(self, encoding="utf-8"):
        return self.read_bytes().decode(encoding or "utf-8")


class ArchiveReader(TraversableResources):
    """The resources of one package."""

    def __init__(self, path):
        self._path = path

    def files(self):
        return ArchiveFile(self._path)


class ArchiveDistribution(Distribution):
    """What a *.dist-info folder of the archive tells."""

    def __init__(self, folder):
        self._folder = folder

    def read_text(self, filename):
        data = _archive.data(f"{self._folder}/{filename}")
        return None if data is None else bytes(data).decode()

    def locate_file(self, path):
        return ArchiveFile(str(path))


def distributions(context):
    """Yield the distributions that an `importlib.metadata` look-up asks for."""
    wanted = getattr(context, "name", None)
    for file in _FILES:
        folder, _, name = file.rpartition("/")
        if name == "METADATA" and folder.endswith(".dist-info"):
            distribution = ArchiveDistribution(folder)
            if wanted is None or distribution.name.lower().replace("_", "-") == wanted.lower().replace("_", "-"):
                yield distribution
