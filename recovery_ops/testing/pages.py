"""Tables in pages of the documentation, for tests that compare them with the code."""

import re


def rows(page: str, section: str) -> dict[str, list[str]]:
    """Return the rows of the first table of ``page`` after ``section``: key -> the other cells.

    Raises:
        AssertionError: There is no table whose first column is ``key``.
        ValueError: There is no such section.
    """
    table = re.search(r"\n\| key .*?\n\|---.*?\n((?:\|.*\n)+)", page[page.index(section) :])
    if table is None:
        raise AssertionError(f"no table of keys follows {section!r}")
    cells = [[cell.strip() for cell in line.strip("|\n ").split(" | ")] for line in table[1].splitlines()]
    return {row[0].strip("`"): row[1:] for row in cells}
