"""Configuration files: YAML, decoded strictly into typed structs, every error with its file:line:col and key path.

YAML is read to its node tree first, so that a place is known for each key and value; scalars are taken by the core
schema of YAML 1.2 (`yes`, `on` and `1:30` are text). Then msgspec converts, and each of its errors is traced back to
its node; the node is taken out and the rest converted again, until all errors of a file are known.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from fairlead.core.errors import Finding, SettingsError, UsageError
from fairlead.core.findings import Located, Path_, find, follows, key_path
from fairlead.core.units import Duration, Size

MAX_FILE_BYTES = 4 << 20
_MAX_FINDINGS = 50
_MAX_DEPTH = 64
_MAX_DIGITS = 40
"""A longer number is none that anything counts in, and slow to read; it is taken as text, which is then told as wrong."""
_NONE = object()
_CORE_SCHEMA = (
    ("tag:yaml.org,2002:null", re.compile(r"~|null|Null|NULL|"), "~nN\0"),
    ("tag:yaml.org,2002:bool", re.compile(r"true|True|TRUE|false|False|FALSE"), "tTfF"),
    ("tag:yaml.org,2002:int", re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"), "-+0123456789"),
    ("tag:yaml.org,2002:float", re.compile(r"[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN)"), "-+.0123456789"),
)  # fmt: skip

T = TypeVar("T")


def load(file: str, kind: type[T]) -> tuple[T, Located]:
    """Read a YAML file into `kind`; raise SettingsError with every finding, or UsageError where it cannot be read."""
    return decode(read(file), file, kind)


def read(file: str) -> bytes:
    """Return what stands in a configuration file, which may be a pipe; UsageError where it cannot be read."""
    try:
        with Path(file).open("rb") as stream:
            data = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}; give a readable configuration file") from None
    if len(data) > MAX_FILE_BYTES:
        raise UsageError(f"{file}: larger than {MAX_FILE_BYTES >> 20} MiB; a configuration file is smaller")
    return data


def decode(data: bytes, file: str, kind: type[T]) -> tuple[T, Located]:
    """Decode YAML bytes into `kind`; `file` is the name to tell in errors."""
    plain, located, findings = _parse(data, file)
    value: T | None = None
    removed: list[Path_] = []
    while len(findings) < _MAX_FINDINGS:
        try:
            value = msgspec.convert(plain, kind, strict=True, dec_hook=_decode_unit)
            break
        except msgspec.ValidationError as error:
            if follows(str(error), removed):
                break
            finding, path = find(str(error), plain, located, kind)
            findings.append(finding)
            if not path or not _remove(plain, path):
                break
            removed.append(path)
    if findings or value is None:
        raise SettingsError(sorted(set(findings)))
    return value, located


def top_level_keys(data: bytes, file: str) -> set[str]:
    """Return the keys at the top of YAML bytes, none where they are not a mapping."""
    try:
        plain, _, _ = _parse(data, file)
    except SettingsError:
        return set()
    return set(plain) if isinstance(plain, dict) else set()


def _decode_unit(kind: type, value: object) -> object:
    if kind is Duration or kind is Size:
        return kind.parse(value)
    raise TypeError(f"no way to decode {kind}")


def _parse(data: bytes, file: str) -> tuple[Any, Located, list[Finding]]:
    try:
        node = yaml.compose(data, Loader=yaml.CSafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        problem = " ".join(part for part in (error.context, error.problem) if part)
        raise SettingsError([Finding(file, line, column, "", f"not valid YAML: {problem}")]) from None
    except (yaml.YAMLError, UnicodeDecodeError, ValueError) as error:
        raise SettingsError([Finding(file, 1, 1, "", f"not valid YAML: {' '.join(str(error).split())}")]) from None
    findings: list[Finding] = []
    located = Located(file, {}, {})
    plain = _plain(node, (), located, findings, ()) if node else {}
    return ({} if plain is None else plain), located, findings


def _plain(node: yaml.Node, path: Path_, located: Located, findings: list[Finding], above: tuple[int, ...]) -> Any:  # noqa: ANN401 - the plain value of any YAML
    located.values.setdefault(path, (node.start_mark.line + 1, node.start_mark.column + 1))
    if id(node) in above or len(above) > _MAX_DEPTH:
        findings.append(located.finding(path, "nested in itself or too deep", f"at most {_MAX_DEPTH} levels"))
        return None
    above = (*above, id(node))
    if isinstance(node, yaml.MappingNode):
        return dict(_pairs(node, path, located, findings, above))
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*path, index), located, findings, above) for index, item in enumerate(node.value)]
    assert isinstance(node, yaml.ScalarNode)
    return _scalar(node)


def _pairs(
    node: yaml.MappingNode, path: Path_, located: Located, findings: list[Finding], above: tuple[int, ...]
) -> Iterator[tuple[str, Any]]:
    seen: set[str] = set()
    for key_node, value_node in node.value:
        key = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else "?"
        here = (*path, key)
        place = key_node.start_mark.line + 1, key_node.start_mark.column + 1
        if key in seen:
            findings.append(Finding(located.file, *place, key_path(here), "duplicate key", "each key may stand once"))
            continue
        seen.add(key)
        located.keys[here] = place
        value = _plain(value_node, here, located, findings, above)
        if isinstance(value, dict | list) or value is None:
            located.values[here] = place
        yield key, value


def _scalar(node: yaml.ScalarNode) -> Any:  # noqa: ANN401 - null, boolean, number or text
    text = str(node.value)
    if node.style in ("'", '"', "|", ">"):
        return text
    tag = next((tag for tag, pattern, first in _CORE_SCHEMA if (text[:1] or "\0") in first and pattern.fullmatch(text)), "")
    match tag.rpartition(":")[2]:
        case "int" if len(text) > _MAX_DIGITS:
            return text
        case "null":
            return None
        case "bool":
            return text.lower() == "true"
        case "int":
            return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
        case "float":
            return float(text.replace(".inf", "inf").replace(".nan", "nan").lower())
    return text


def _remove(plain: Any, path: Path_) -> bool:  # noqa: ANN401 - the plain value of any YAML
    """Take the node at a path out; False where there is none, so that a loop over findings ends."""
    for step in path[:-1]:
        try:
            plain = plain[step]
        except (KeyError, IndexError, TypeError):
            return False
    if isinstance(plain, dict):
        return plain.pop(path[-1], _NONE) is not _NONE
    return False
