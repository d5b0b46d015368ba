"""Problems of catalog files, each with its place."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

Place = tuple[str | int, ...]
"""The way from the top of a file to a key or value: ``("components", 2, "rto")``."""


class Mark(NamedTuple):
    """A place in a file; both count from 1."""

    line: int
    column: int


TOP = Mark(1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is wrong at one mark. ``path`` is the way to it in words, empty for the file as a whole."""

    mark: Mark
    path: str
    what: str

    def line_of(self, file: str) -> str:
        """Return ``file:line:column: path: what``."""
        where = f"{file}:{self.mark.line}:{self.mark.column}"
        return f"{where}: {self.path}: {self.what}" if self.path else f"{where}: {self.what}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A parsed catalog file: plain values, and where each key and each value stands."""

    file: str
    data: Any
    keys: Mapping[Place, Mark]
    values: Mapping[Place, Mark]
    problems: tuple[Problem, ...]

    def at_key(self, place: Place, what: str) -> Problem:
        """Return a problem with the key at ``place``."""
        return Problem(mark=self.keys.get(place) or self._nearest(place), path=self.path(place), what=what)

    def at(self, place: Place, what: str) -> Problem:
        """Return a problem with the value at ``place``, or with the nearest thing around it that is written."""
        return Problem(mark=self._nearest(place), path=self.path(place), what=what)

    def path(self, place: Place) -> str:
        """Return ``place`` in words; items that have a name are called by it: ``components[scoring].rto``."""
        words, value = "", self.data
        for part in place:
            value = _inside(value, part)
            words += f"[{_called(value, part)}]" if isinstance(part, int) else f".{part}"
        return words.removeprefix(".")

    def _nearest(self, place: Place) -> Mark:
        for length in range(len(place), -1, -1):
            if (mark := self.values.get(place[:length])) is not None:
                return mark
        return TOP


def in_order(file: str, problems: Iterable[Problem]) -> list[str]:
    """Return one line per problem, in the order of the file, without repetition."""
    ordered = sorted(problems, key=lambda problem: (problem.mark, problem.path, problem.what))
    return list(dict.fromkeys(problem.line_of(file) for problem in ordered))


def _inside(value: Any, part: str | int) -> Any:
    if isinstance(value, Mapping):
        return value.get(part)
    if isinstance(value, list) and isinstance(part, int) and part < len(value):
        return value[part]
    return None


def _called(value: Any, index: int) -> str:
    name = value.get("name") if isinstance(value, Mapping) else None
    return name if isinstance(name, str) and name else str(index)
