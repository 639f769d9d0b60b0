"""Imports from the archive inside the file, and gives `importlib.resources` and `importlib.metadata` what they ask for.

Runs before everything else, on what the interpreter has built in: it must not import from the archive at its own start.
"""

import posix
import sys
from _frozen_importlib import BuiltinImporter, FrozenImporter, ModuleSpec

import _archive

ROOT = "/proc/self/onefile/"
"""What `__file__` begins with: nothing can be put below /proc."""


class ArchiveImporter:
    """Finder and loader of the archived modules; stateless, so the class itself is both."""

    @staticmethod
    def find_spec(name, path=None, target=None, find=_archive.find, make=ModuleSpec):
        is_package = find(name)
        if is_package is None:
            return None
        return make(name, ArchiveImporter, origin=name, is_package=is_package)

    @staticmethod
    def create_module(spec):
        return None

    @staticmethod
    def exec_module(module, code=_archive.code):
        name = module.__name__
        module.__file__ = ROOT + name.replace(".", "/") + ("/__init__.py" if hasattr(module, "__path__") else ".py")
        exec(code(name), module.__dict__)

    @staticmethod
    def get_code(name):
        return _archive.code(name)

    @staticmethod
    def get_source(name):
        return None

    @staticmethod
    def is_package(name):
        return bool(_archive.find(name))

    @staticmethod
    def get_data(path):
        data = _archive.data(path.removeprefix(ROOT))
        if data is None:
            raise FileNotFoundError(path)
        return bytes(data)

    @staticmethod
    def get_resource_reader(name):
        from _archive_files import ArchiveReader

        return ArchiveReader(name.replace(".", "/"))

    @staticmethod
    def find_distributions(context=None):
        from _archive_files import distributions

        return distributions(context)


sys.meta_path[:] = [BuiltinImporter, FrozenImporter, ArchiveImporter]
sys.path_hooks.clear()
try:
    sys.executable = posix.readlink("/proc/self/exe")
except OSError:
    sys.executable = ""
