"""What a line of input asks for and a line of output tells; see the README, "Many commands at once"."""

import hashlib
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from fairlead.core.pool.job import State
from fairlead.core.pool.pool import DEFAULT_PRIORITY

Id = str | int
_DECODED = " - at `$"


class InputError(ValueError):
    """A line that is no job; `str` is `key: problem`, and holds no value of the line."""


class Command(Struct, forbid_unknown_fields=True):
    """One command; `id` is None until it is given the line's number, `env` is set beside what this process has."""

    argv: Annotated[list[str], Meta(min_length=1)]
    id: Annotated[str, Meta(min_length=1, max_length=256)] | int | None = None
    priority: Annotated[int, Meta(ge=0, le=7)] = DEFAULT_PRIORITY
    tenant: str = ""
    timeout_s: Annotated[float, Meta(gt=0, le=1e9)] | None = None
    env: dict[str, str] = {}
    cwd: str | None = None
    retries: Annotated[int, Meta(ge=0, le=1000)] = 0

    @property
    def key(self) -> str:
        """What the command is known by in a journal and among the lines of an input."""
        return str(self.id)

    def digest(self) -> str:
        """Return what changes with what is run: argv, env and cwd, and neither with how urgent it is nor how long it may take."""
        what = msgspec.json.encode([self.argv, sorted(self.env.items()), self.cwd])
        return hashlib.blake2b(what, digest_size=16).hexdigest()


class Outcome(Struct):
    """How a command ended. `exit_code` is None where a signal ended it or it did not run; `started` is None where it did not."""

    id: Id
    state: State
    exit_code: int | None = None
    signal: int | None = None
    stdout: str = ""
    stderr: str = ""
    started: str | None = None
    duration_s: float = 0.0
    attempt: int = 0


def parse(line: bytes, number: int) -> Command:
    """Return the command of a line; its id is the line's number where it bears none. InputError where it is none."""
    try:
        command = _DECODER.decode(line)
    except msgspec.ValidationError as error:
        problem, _, where = str(error).partition(_DECODED)
        key = where.rstrip("`").lstrip(".")
        raise InputError(f"{key}: {problem}" if key else problem) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"is no JSON object: {error}" if isinstance(error, msgspec.DecodeError) else "is no UTF-8") from None
    _check_strings(command)
    if command.id is None:
        command.id = number
    return command


def _check_strings(command: Command) -> None:
    if isinstance(command.id, str) and not command.id.isprintable():
        raise InputError("id: holds a control character")
    if not command.argv[0]:
        raise InputError("argv: the first word is empty; it is the program's name or path")
    if any("\0" in word for word in command.argv):
        raise InputError("argv: holds a NUL, which no argument can")
    if any(not name or "=" in name or "\0" in name + value for name, value in command.env.items()):
        raise InputError("env: a name is empty or holds =, or there is a NUL")
    if command.cwd is not None and (not command.cwd or "\0" in command.cwd):
        raise InputError("cwd: is empty or holds a NUL")


_DECODER = msgspec.json.Decoder(Command)
