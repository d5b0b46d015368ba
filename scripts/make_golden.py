"""Write the golden inputs of the fraud-detection demo beside its catalog: 200 held-out rows with their labels.

Run it again after a change of ``recovery_ops.sandbox.seed.data``; the same data and pyarrow give the same bytes.
"""

import sys
from pathlib import Path

from recovery_ops.sandbox.seed.data import load_phishing, split

TARGET = Path(__file__).parents[1] / "dags" / "fraud-detection" / "golden.parquet"


def main() -> int:
    """Write the file and say what is in it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    _, golden = split(load_phishing())
    table = pa.Table.from_pandas(golden, preserve_index=False).replace_schema_metadata(None)
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, TARGET, write_page_checksum=True)
    print(f"{TARGET.name}: {table.num_rows} rows, {table.num_columns} columns, {TARGET.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
