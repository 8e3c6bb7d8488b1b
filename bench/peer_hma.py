"""SDV's HMASynthesizer on tables in CSV files: run by another Python, which has SDV but not us.

``python peer_hma.py FOLDER`` reads FOLDER/tables.json (what the tables are) and FOLDER/real/*.csv,
and writes FOLDER/synthetic/*.csv and FOLDER/times.json (seconds to fit and to sample, versions).
"""

import importlib.metadata
import json
import sys
import time
import warnings
from pathlib import Path

import pandas as pd
from sdv.metadata import Metadata
from sdv.multi_table import HMASynthesizer


def main(folder: Path) -> None:
    warnings.simplefilter("ignore")
    told = json.loads((folder / "tables.json").read_text(encoding="utf-8"))
    metadata = Metadata.load_from_dict(told["metadata"])
    data = {}
    for name, columns in told["metadata"]["tables"].items():
        text = {c: str for c, what in columns["columns"].items() if c in told["text"].get(name, [])}
        data[name] = pd.read_csv(
            folder / "real" / f"{name}.csv", dtype=text, keep_default_na=False, na_values=[""]
        )
    started = time.perf_counter()
    synthesizer = HMASynthesizer(metadata, verbose=False)
    synthesizer.fit(data)
    fitted = time.perf_counter()
    sampled = synthesizer.sample_scale(1.0)
    done = time.perf_counter()
    (folder / "synthetic").mkdir(exist_ok=True)
    for name, frame in sampled.items():
        frame.to_csv(folder / "synthetic" / f"{name}.csv", index=False)
    facts = {
        "fit": fitted - started,
        "sample": done - fitted,
        "version": f"SDV {importlib.metadata.version('sdv')}",
    }
    (folder / "times.json").write_text(json.dumps(facts), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
