"""SDV's Gaussian copula, CTGAN and TVAE, as a user without more knowledge would use them.

Metadata is declared, not detected: sdtypes by the columns' types, keys as ids that SDV makes up,
texts that mostly differ as unknown (SDV makes them up too). CTGAN and TVAE have their defaults, 300
epochs, and stop early where the time does. Option ``constraints``: SDV's own constraints, those of
our rules that it has words for (bench/sdv_words.py).
"""

import sys

import sdv.cag
from ctgan.synthesizers import ctgan, tvae
from protocol import Watch, run
from sdv.cag._errors import ConstraintNotMetError
from sdv.errors import SynthesizerInputError
from sdv.metadata import Metadata
from sdv.metadata.errors import InvalidMetadataError
from sdv.single_table import CTGANSynthesizer, GaussianCopulaSynthesizer, TVAESynthesizer

REFUSED = (ConstraintNotMetError, InvalidMetadataError, SynthesizerInputError, ValueError)
KINDS = {"copula": GaussianCopulaSynthesizer, "ctgan": CTGANSynthesizer, "tvae": TVAESynthesizer}


def sdtypes(task, frame):
    """Return what SDV's metadata calls each column."""
    described = {}
    for column in task.columns:
        name, kind = column["name"], column["kind"]
        if column.get("key"):
            described[name] = {"sdtype": "id"}
        elif kind in ("integer", "decimal"):
            described[name] = {"sdtype": "numerical"}
        elif kind in ("date", "datetime"):
            shown = "%Y-%m-%d" if kind == "date" else "%Y-%m-%d %H:%M:%S"
            described[name] = {"sdtype": "datetime", "datetime_format": shown}
        elif kind == "text":
            values = frame[name].dropna()
            often = values.nunique() <= len(values) / 2
            described[name] = {"sdtype": "categorical" if often else "unknown"}
        else:
            described[name] = {"sdtype": "categorical"}
    # SDV combines kinds only, so that numbers in combinations have to be declared to be kinds.
    for told in used(task):
        for name in told["given"].get("column_names", ()):
            described[name] = {"sdtype": "categorical"}
    return described


def used(task):
    """Return the constraints that this run is given."""
    return task.constraints if task.options.get("constraints") else []


def fit(task):
    for module in (ctgan, tvae):
        module.tqdm = lambda epochs, **_: Watch(task, epochs)
    frame = task.frame()
    table = {"columns": sdtypes(task, frame)}
    keys = [c["name"] for c in task.columns if c.get("key")]
    if keys:
        table["primary_key"] = keys[0]
    metadata = Metadata.load_from_dict(
        {"tables": {"table": table}, "relationships": [], "METADATA_SPEC_VERSION": "V1"}
    )
    metadata.validate()
    model = KINDS[task.options["kind"]](metadata)
    for told in used(task):
        kind, given = told["kind"], told["given"]
        try:
            model.add_constraints([getattr(sdv.cag, kind)(**given)])
        except REFUSED as error:
            task.note(f"{kind} {given} refused: {error}"[:200])
    model.fit({"table": frame})
    return model


def sample(task, model, rows):
    made = model.sample(rows)["table"]
    if len(made) < rows:
        print(f"{len(made)} rows of {rows}", file=sys.stderr)
    return made


if __name__ == "__main__":
    run(fit, sample, ["sdv", "ctgan", "copulas", "rdt", "pandas", "torch"])
