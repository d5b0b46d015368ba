"""``did you mean``: the nearest thing that exists."""

import difflib
from collections.abc import Iterable
from functools import partial
from itertools import takewhile


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the nearest of ``known``, or an empty string when nothing is near."""
    candidates = {item.casefold(): item for item in sorted(known)}
    typed = word.casefold()[:80]
    near = difflib.get_close_matches(typed, candidates, n=5, cutoff=0.65)
    return f"; did you mean {candidates[max(near, key=partial(_nearness, typed))]!r}?" if near else ""


def _nearness(word: str, other: str) -> tuple[float, bool, int]:
    """Compare by likeness; of two alike, the one with the same letters wins, then the one that begins alike."""
    likeness = difflib.SequenceMatcher(None, other, word).ratio()
    same_start = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(word, other, strict=False)))
    return likeness, sorted(word) == sorted(other), same_start
