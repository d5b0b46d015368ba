"""One YAML file to one model, or every problem of the file at once, located."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from recovery_ops.catalog.problems import Document, Problem, in_order
from recovery_ops.catalog.quantities import WRITTEN
from recovery_ops.catalog.reading import read_document
from recovery_ops.catalog.text import Text
from recovery_ops.catalog.wording import problems_of
from recovery_ops.errors import CatalogError

T = TypeVar("T", bound=Text)


def read_written(path: Path, model: type[T], meaning: Callable[[T, Document], Iterable[Problem]]) -> T:
    """Return what the file at ``path`` says; ``meaning`` tells what is wrong with a file of the right form.

    Raises:
        CatalogError: The file has problems; holds every one, located.
    """
    document = read_document(path)
    problems = list(document.problems)
    if not problems:
        try:
            text = model.model_validate(document.data, context=WRITTEN)
        except ValidationError as error:
            problems += problems_of(error.errors(include_url=False), (), model, document)
        else:
            problems += meaning(text, document)
            if not problems:
                return text
    raise CatalogError.of(in_order(document.file, problems))
