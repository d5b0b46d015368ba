"""The data of the demo: the phishing set inside the package ``river`` (1250 web pages, 9 features, one label).

The rows are split once and for all: :func:`split` ranks them by the SHA-256 of their index, so that the same
200 rows are held out on every machine and with every library version. The golden inputs of the catalog are those
rows. Many pages have equal features, so a held-out row may have a twin among the training rows; the golden set proves
that a restored model is the same model, and says less about how it would do on pages nobody has seen.
"""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

FEATURES = (
    "empty_server_form_handler",
    "popup_window",
    "https",
    "request_from_other_domain",
    "anchor_from_other_domain",
    "is_popular",
    "long_url",
    "age_of_domain",
    "ip_in_url",
)
LABEL = "is_phishing"
GOLDEN_ROWS = 200
_FILE = Path("datasets", "phishing.csv.gz")


def load_phishing() -> pd.DataFrame:
    """Return all 1250 rows in file order: the features as float64, the label as int64, the index from 0 on.

    The package ``river`` is located and not imported.

    Raises:
        FileNotFoundError: ``river`` is not installed, or this version of it has no such file.
        ValueError: the file has other columns, or values that are missing.
    """
    import pandas as pd  # costs a second; commands that only need the names above do not pay it

    frame = pd.read_csv(_path())
    columns = [*FEATURES, LABEL]
    if set(frame.columns) != set(columns) or frame.isna().any(axis=None):
        raise ValueError(
            f"{_FILE} of river has columns {sorted(frame.columns)} or missing values; {columns} are expected"
        )
    return frame[columns].astype({name: "float64" for name in FEATURES} | {LABEL: "int64"})


def _path() -> Path:
    spec = importlib.util.find_spec("river")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        if (path := Path(folder) / _FILE).is_file():
            return path
    raise FileNotFoundError(
        f"the package river with its file {_FILE} is not installed; it comes with the sandbox extra"
    )


def split(frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return ``(train, golden)``: 200 rows held out by the hash of their index, and the others; order is kept."""
    order = sorted(frame.index, key=_rank)
    golden = frame.index.isin(order[:GOLDEN_ROWS])
    return frame[~golden], frame[golden]


def _rank(index: int) -> str:
    return hashlib.sha256(f"phishing:{index}".encode()).hexdigest()
