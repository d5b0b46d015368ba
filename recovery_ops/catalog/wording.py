"""Pydantic's findings in our words, with ``did you mean``."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from recovery_ops.catalog.problems import Document, Place, Problem
from recovery_ops.catalog.suggest import did_you_mean

EXPECTED = {
    "string_type": "text",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "list_type": "a list",
    "tuple_type": "a list",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
}
PATTERNS = {
    "^[a-z]": "use 2 to 40 lower-case letters, digits and hyphens, starting with a letter",
    "^([a-z0-9]": "is no full DNS name",
    r"^/": "must start with / and hold no spaces",
}


def problem_of(error: ErrorDetails, base: Place, model: type[BaseModel], document: Document) -> Problem:
    """Return ``error`` of validating ``model`` against what stands at ``base``, located and in words."""
    place = _place((*base, *error["loc"]))
    if error["type"] == "extra_forbidden":
        known = _keys_at(model, error["loc"][:-1])
        return document.at_key(place, f"unknown key{did_you_mean(str(place[-1]), known)}")
    if error["type"] == "missing":
        return document.at(place, "is missing")
    if error["loc"] and error["loc"][-1] == "[key]":
        return document.at_key(place, _what(error))
    return document.at(place, _what(error))


def _place(loc: Sequence[str | int]) -> Place:
    return tuple(part for part in loc if part != "[key]")


def _what(error: ErrorDetails) -> str:
    kind, shown = error["type"], _shown(error["input"])
    if kind in ("enum", "literal_error"):
        return _choice(error, shown)
    if kind in EXPECTED:
        quotes = "; put it in quotes" if kind == "string_type" and isinstance(error["input"], int | float) else ""
        return f"must be {EXPECTED[kind]}, is {shown}{quotes}"
    if kind == "string_pattern_mismatch":
        return f"{shown} {_pattern(str(error.get('ctx', {}).get('pattern', '')))}"
    if kind == "too_short":
        return f"needs at least {error.get('ctx', {}).get('min_length')} items, has {len(error['input'])}"
    if kind in ("value_error", "assertion_error", "catalog"):
        return error["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return f"{error['msg'].replace('Input should', 'should')} (is {shown})"


def _choice(error: ErrorDetails, shown: str) -> str:
    choices = re.findall(r"'([^']*)'", str(error.get("ctx", {}).get("expected", "")))
    return f"{shown} is none of {', '.join(choices)}{did_you_mean(str(error['input']), choices)}"


def _pattern(pattern: str) -> str:
    for start, words in PATTERNS.items():
        if pattern.startswith(start):
            return words if words.startswith(("is", "must")) else f"is no legal name; {words}"
    return f"does not match {pattern}"


def _shown(value: Any) -> str:
    if value is None:
        return "empty"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, dict):
        return "a mapping"
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _keys_at(model: type[BaseModel], loc: Sequence[str | int]) -> set[str]:
    """Return the keys that may stand in the mapping at ``loc``, as far as the annotations tell."""
    models = {model}
    for part in loc:
        fields = [item.model_fields[part].annotation for item in models if part in item.model_fields]
        models = set().union(*map(_models_in, fields)) if fields else models
    return {info.alias or name for item in models for name, info in item.model_fields.items()}


def _models_in(annotation: Any) -> set[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {annotation}
    return set().union(*map(_models_in, get_args(annotation)), set())


def problems_of(
    errors: Iterable[ErrorDetails], base: Place, model: type[BaseModel], document: Document
) -> list[Problem]:
    """Return every problem of one validation."""
    return [problem_of(error, base, model, document) for error in errors]
