"""botocore's descriptions of services, each read once: moto asks for the largest of them four times while it starts."""

import functools
import gzip
import json
from pathlib import Path
from typing import Any

from botocore.loaders import JSONFileLoader

from recovery_ops.sandbox import patching


def read_once() -> None:
    """Make botocore keep what it has read, in this process. Half of the sandbox's start went into reading again."""
    patching.replace(JSONFileLoader, "load_file", _load_file)


def _load_file(_loader: JSONFileLoader, file_path: str) -> Any:
    return _read(file_path)


@functools.cache
def _read(file_path: str) -> Any:
    """Return the description at ``file_path`` (without ending); ``None`` when there is none, as botocore expects."""
    plain, packed = Path(f"{file_path}.json"), Path(f"{file_path}.json.gz")
    if plain.is_file():
        return json.loads(plain.read_bytes())
    return json.loads(gzip.decompress(packed.read_bytes())) if packed.is_file() else None
