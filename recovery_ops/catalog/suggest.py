"""``did you mean``: the nearest thing that exists."""

import difflib
from collections.abc import Iterable


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the nearest of ``known``, or an empty string when nothing is near."""
    candidates = {item.casefold(): item for item in sorted(known)}
    nearest = difflib.get_close_matches(word.casefold()[:80], candidates, n=1, cutoff=0.6)
    return f"; did you mean {candidates[nearest[0]]!r}?" if nearest else ""
