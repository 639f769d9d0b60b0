"""What a decoder finds wrong with a configuration file, told at its place and in plain words.

msgspec says what it expected and what it got in the words of a schema, with the path of the value; the checks of our own structs
raise ValueError in the form `KEY PROBLEM; allowed is ...`, with the path of the struct.
"""

import difflib
import re
from collections.abc import Sequence
from typing import Any

import msgspec

from fairlead.core.errors import Finding

_AT = re.compile(r"^(?P<problem>.*?)(?: - at `(?P<path>[^`]*)`)?$", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<field>.*)`")
_MISSING = re.compile(r"Object missing required field `(?P<field>.*)`")
_GOT = re.compile(r"Expected `(?P<expected>.*)`, got `(?P<got>.*)`")
_LENGTH = re.compile(r"Expected `(?P<kind>.*)` of length (?P<bound>>=|<=) (?P<limit>\d+)")
_RANGE = re.compile(r"Expected `.*` (?P<bound>>=|<=) (?P<limit>\S+)")
_PATTERN = re.compile(r"Expected `.*` matching regex '(?P<pattern>.*)'")
_CHOICE = re.compile(r"Invalid enum value (?P<value>.*)", re.DOTALL)
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|(\[\.\.\.\])")
_WORDS = {
    "str": "text", "int": "a whole number", "float": "a number", "bool": "true or false", "array": "a list",
    "object": "keys with values", "null": "nothing",
}  # fmt: skip
"""What people call the types that msgspec names."""

Path_ = tuple[str | int, ...]


class Located(msgspec.Struct, frozen=True):
    """Where each value and its key stand in a file: path -> (line, column), both from 1."""

    file: str
    values: dict[Path_, tuple[int, int]]
    keys: dict[Path_, tuple[int, int]]

    def finding(self, path: Path_, problem: str, allowed: str = "", severity: str = "error", *, at_key: bool = False) -> Finding:
        """Return a finding at a value (or its key), or at the nearest above it that the file has."""
        known = path
        while known not in self.values and known:
            known = known[:-1]
        line, column = self.values.get(known, (1, 1))
        if at_key or known != path:
            line, column = self.keys.get(known, (line, column))
        return Finding(self.file, line, column, key_path(path), problem, allowed, severity)


def key_path(path: Path_) -> str:
    """Return a path as people write it: `logs[0].paths`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")


def find(message: str, plain: object, located: Located, kind: object) -> tuple[Finding, Path_]:
    """Return what an error of decoding `plain` into `kind` means, and the path of what is wrong."""
    problem, path = _split(message, plain)
    if unknown := _UNKNOWN.fullmatch(problem):
        allowed = _allowed_keys(kind, path, unknown["field"])
        path = (*path, unknown["field"])
        return located.finding(path, "unknown key", allowed, at_key=True), path
    if missing := _MISSING.fullmatch(problem):
        return located.finding(path, f"the key {missing['field']} is missing"), path
    if choice := _CHOICE.fullmatch(problem):
        return located.finding(path, f"{choice['value']} is not known", f"allowed are {', '.join(_choices(kind, path))}"), path
    if plainly := _in_words(problem):
        return located.finding(path, *plainly), path
    problem, path = _named(problem, path, located)
    problem, _, allowed = problem.partition("; ") if "; allowed" in problem else (problem, "", "")
    return located.finding(path, problem.replace("`", ""), allowed.replace("`", "")), path


def follows(message: str, removed: Sequence[Path_]) -> bool:
    """Tell whether an error is of our own making: something is missed, or adds up wrongly, that was taken out as wrong before."""
    problem, path = _split(message, None)
    if missing := _MISSING.fullmatch(problem):
        return (*path, missing["field"]) in removed
    own_check = "; allowed" in problem
    return own_check and any(gone[: len(path)] == path for gone in removed)


def _split(message: str, plain: object) -> tuple[str, Path_]:
    """Return the problem and the path that it has in what was decoded."""
    match = _AT.match(message)
    assert match is not None
    problem, path = match["problem"], list[str | int]()
    for name, index, some in _STEP.findall((match["path"] or "$").removeprefix("$")):
        if some:
            # Some value of a map, msgspec does not say which.
            path += _culprit(problem, path, plain)
            break
        path.append(name or int(index))
    return problem, tuple(path)


def _culprit(problem: str, path: Sequence[str | int], plain: Any) -> list[str | int]:  # noqa: ANN401 - the plain value of any YAML
    """Return the key in the map at a path whose value a problem speaks of; nothing where none is certain."""
    try:
        for step in path:
            plain = plain[step]
        pairs = list(plain.items())
    except (AttributeError, LookupError, TypeError):
        return []
    got = _GOT.fullmatch(problem)
    return [key for key, value in pairs if (got and _type_name(value) == got["got"]) or problem.startswith(f"{value!r} ")][:1]


def _type_name(value: object) -> str:
    return {dict: "object", list: "array", type(None): "null"}.get(type(value), type(value).__name__)


def _in_words(problem: str) -> tuple[str, str] | None:
    """Return a problem of msgspec's with what is allowed; None where it is none."""
    if got := _GOT.fullmatch(problem):
        expected = [_WORDS.get(name, name) for name in got["expected"].split(" | ") if name != "null"]
        return f"is {_WORDS.get(got['got'], got['got'])}", f"allowed is {' or '.join(expected)}"
    if length := _LENGTH.fullmatch(problem):
        limit, unit = int(length["limit"]), "entry" if length["kind"] == "array" else "character"
        units = unit if limit == 1 else {"entry": "entries", "character": "characters"}[unit]
        if length["bound"] == "<=":
            return "is too long", f"allowed are at most {limit} {units}"
        return "is empty" if limit == 1 else "is too short", f"allowed is at least {limit} {units}"
    if limits := _RANGE.fullmatch(problem):
        at_least = limits["bound"] == ">="
        return f"is too {'small' if at_least else 'large'}", f"allowed is {limits['limit']} and {'more' if at_least else 'less'}"
    if pattern := _PATTERN.fullmatch(problem):
        return "has a character or form that it must not have", f"allowed is what fits {pattern['pattern']}"
    return None


def _named(problem: str, path: Path_, located: Located) -> tuple[str, Path_]:
    """Return a problem without the key that it begins with, and the path of that key; both unchanged where it begins with none."""
    name, _, rest = problem.partition(" ")
    key = (*path, name.removesuffix(":"))
    return (rest, key) if key in located.keys else (problem, path)


def _choices(kind: object, path: Path_) -> list[str]:
    """Return the texts that may stand at a path."""
    found = _type_at(msgspec.inspect.type_info(kind), path, msgspec.inspect.LiteralType)
    return [str(value) for value in found.values] if isinstance(found, msgspec.inspect.LiteralType) else []


def _allowed_keys(kind: object, path: Path_, field: str) -> str:
    """Return the keys that may stand where an unknown one stood, the nearest first if one is near."""
    found = _type_at(msgspec.inspect.type_info(kind), path, msgspec.inspect.StructType)
    names = [field.encode_name for field in found.fields] if isinstance(found, msgspec.inspect.StructType) else []
    if not names:
        return ""
    near = difflib.get_close_matches(field, names, n=1)
    meant = f"did you mean {near[0]}? " if near else ""
    return f"{meant}allowed are {', '.join(names)}"


def _type_at(info: msgspec.inspect.Type, path: Path_, wanted: type[msgspec.inspect.Type]) -> msgspec.inspect.Type | None:
    """Return the type of a sort that a value at a path may have; None where none of that sort may stand there."""
    if isinstance(info, wanted) and not path:
        return info
    if isinstance(info, msgspec.inspect.UnionType):
        return next((found for part in info.types if (found := _type_at(part, path, wanted))), None)
    if isinstance(info, msgspec.inspect.Metadata):
        return _type_at(info.type, path, wanted)
    if isinstance(info, msgspec.inspect.ListType) and path:
        return _type_at(info.item_type, path[1:], wanted)
    if isinstance(info, msgspec.inspect.DictType) and path:
        return _type_at(info.value_type, path[1:], wanted)
    if not isinstance(info, msgspec.inspect.StructType) or not path:
        return None
    return next((_type_at(field.type, path[1:], wanted) for field in info.fields if field.encode_name == path[0]), None)
