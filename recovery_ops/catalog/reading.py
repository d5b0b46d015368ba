"""YAML into plain values with the place of each, refusing what a catalog must not contain.

Scalars follow the YAML 1.2 core schema: ``on``, ``no`` and ``12:30`` are text, ``1e-6`` is a number, and a number with
leading zeros stays text. Limits keep a hostile file from using up memory: 256 KiB, 40 levels, 20,000 values after
aliases.
"""

import math
import re
from pathlib import Path
from typing import Any

import yaml

from recovery_ops.catalog.problems import TOP, Document, Mark, Place, Problem

LARGEST_BYTES = 256 * 1024
DEEPEST = 40
MOST_VALUES = 20_000

TAG = "tag:yaml.org,2002:"
SCALARS = {
    "null": (re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""]),
    "bool": (re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")),
    "int": (re.compile(r"^(?:0|[-+]?[1-9][0-9]{0,17})$"), list("-+0123456789")),
    "float": (
        re.compile(r"^[-+]?(?:\.[0-9]{1,30}|(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{0,30})?)(?:[eE][-+]?[0-9]{1,3})?$"),
        list("-+.0123456789"),
    ),
}


class _Loader(yaml.SafeLoader):
    """PyYAML in pure Python (its C composer crashes on deep nesting) with our scalars and a limit of depth."""

    yaml_implicit_resolvers: dict[str, list[Any]] = {}  # noqa: RUF012 - PyYAML has it on the class
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.depth >= DEEPEST:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]  # the stubs leave it out
            raise yaml.MarkedYAMLError(problem=f"nested deeper than {DEEPEST} levels", problem_mark=mark)
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


for _name, (_pattern, _first) in SCALARS.items():
    _Loader.add_implicit_resolver(TAG + _name, _pattern, _first)


def read_document(path: Path) -> Document:
    """Return the content of ``path``; what is wrong with it as YAML is in ``problems``, and nothing is raised."""
    try:
        text = _text(path)
        root = yaml.compose(text, Loader=_Loader)
    except OSError as error:
        return _broken(path, TOP, f"cannot be read: {error.strerror}")
    except UnicodeDecodeError as error:
        return _broken(path, TOP, f"is not UTF-8 text: byte {error.start} is wrong")
    except yaml.MarkedYAMLError as error:
        return _broken(path, _mark(error.problem_mark or error.context_mark), _words(error))
    except yaml.YAMLError as error:
        return _broken(path, TOP, f"is not YAML: {str(error).splitlines()[0]}")
    return _Walk(path).document(root)


def _text(path: Path) -> str:
    with path.open("rb") as file:
        raw = file.read(LARGEST_BYTES + 1)
    if len(raw) > LARGEST_BYTES:
        raise yaml.YAMLError(f"larger than {LARGEST_BYTES // 1024} KiB")
    return raw.decode("utf-8-sig")


def _broken(path: Path, mark: Mark, what: str) -> Document:
    problem = Problem(mark=mark, path="", what=what)
    return Document(file=str(path), data=None, keys={}, values={}, problems=(problem,))


def _words(error: yaml.MarkedYAMLError) -> str:
    parts = [part for part in (error.context, error.problem) if part]
    return f"is not YAML: {': '.join(parts)}"


def _mark(mark: yaml.Mark | None) -> Mark:
    return Mark(mark.line + 1, mark.column + 1) if mark is not None else TOP


class _Walk:
    """One pass over the composed nodes that collects values, marks and problems."""

    def __init__(self, path: Path) -> None:
        self._file = str(path)
        self._keys: dict[Place, Mark] = {}
        self._values: dict[Place, Mark] = {}
        self._problems: list[tuple[Place, Mark, str]] = []
        self._left = MOST_VALUES

    def document(self, root: yaml.Node | None) -> Document:
        data = self._value(root, ()) if root is not None else None
        if not isinstance(data, dict):
            self._problems.append(((), TOP, "is empty" if data is None else "must be a mapping of keys to values"))
        bare = Document(file=self._file, data=data, keys=self._keys, values=self._values, problems=())
        found = tuple(Problem(mark=mark, path=bare.path(place), what=what) for place, mark, what in self._problems)
        return Document(file=self._file, data=data, keys=self._keys, values=self._values, problems=found)

    def _value(self, node: yaml.Node, place: Place) -> Any:
        self._left -= 1
        mark = self._values[place] = _mark(node.start_mark)
        if self._left <= 0 or len(place) > DEEPEST:
            return self._too_much(place, mark)
        if isinstance(node, yaml.CollectionNode) and node.tag not in (TAG + "map", TAG + "seq"):
            self._problems.append((place, mark, _tagged(node)))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, place)
        if isinstance(node, yaml.SequenceNode):
            return [self._value(item, (*place, index)) for index, item in enumerate(node.value) if self._left > 0]
        return self._scalar(node, place, mark)

    def _too_much(self, place: Place, mark: Mark) -> None:
        if self._left == 0 or len(place) > DEEPEST:
            self._problems.append(((), mark, f"more than {MOST_VALUES} values or {DEEPEST} levels after aliases"))
        self._left = -1

    def _mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if self._left <= 0:
                break
            key, mark = self._key(key_node, place), _mark(key_node.start_mark)
            if key is None:
                continue
            if key in result:
                first = self._keys[(*place, key)].line
                self._problems.append(((*place, key), mark, f"key is there twice; first on line {first}"))
                continue
            self._keys[(*place, key)] = mark
            result[key] = self._value(value_node, (*place, key))
        return result

    def _key(self, node: yaml.Node, place: Place) -> str | None:
        if isinstance(node, yaml.ScalarNode) and node.value == "<<" and node.style is None:
            self._problems.append(
                (place, _mark(node.start_mark), "merge keys (<<) are not allowed; write the keys out")
            )
            return None
        if isinstance(node, yaml.ScalarNode) and node.tag == TAG + "str":
            return str(node.value)
        shown = repr(node.value) if isinstance(node, yaml.ScalarNode) else "a list or mapping"
        self._problems.append((place, _mark(node.start_mark), f"key {shown} is not text; put it in quotes"))
        return None

    def _scalar(self, node: yaml.Node, place: Place, mark: Mark) -> Any:
        text = str(node.value)
        if node.tag == TAG + "str":
            return text
        if node.tag == TAG + "null":
            return None
        if node.tag == TAG + "bool" and text.lower() in ("true", "false"):
            return text.lower() == "true"
        number = _number(node.tag, text)
        if number is None:
            self._problems.append((place, mark, _tagged(node)))
        return number


def _tagged(node: yaml.Node) -> str:
    return f"tag {node.tag.replace(TAG, '!!')} is not allowed here"


def _number(tag: str, text: str) -> int | float | None:
    if tag not in (TAG + "int", TAG + "float") or not SCALARS["float"][0].match(text):
        return None
    number = int(text) if tag == TAG + "int" and SCALARS["int"][0].match(text) else float(text)
    return number if math.isfinite(number) else None
