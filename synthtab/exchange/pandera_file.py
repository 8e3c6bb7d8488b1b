"""Getting a pandera schema out of a Python file: ``schema.py:NAME``. The file is run for it."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from synthtab.errors import UsageError
from synthtab.exchange.pandera_schema import is_schema


def load_schema(source: str) -> tuple[Any, str]:
    """Return the schema that ``schema.py:NAME`` names, and its name.

    The file is run, with its directory first on the path for modules beside it. Raises UsageError
    where there is no such file, it raises an exception, or has no schema of that name.
    """
    file, colon, name = source.rpartition(":")
    if not colon or not file.endswith(".py"):
        found = source if source.endswith(".py") else "schema.py"
        raise UsageError(f"{source} names no schema in a Python file: write {found}:NAME")
    path = Path(file)
    try:
        code = path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from error
    module = _run(path, code)
    schemas = [n for n, v in vars(module).items() if is_schema(v) and not n.startswith("_")]
    if not hasattr(module, name):
        known = f"; its schemas are {', '.join(schemas)}" if schemas else ", and no pandera schema"
        raise UsageError(f"{path} has no {name!r}{known}")
    schema = getattr(module, name)
    if not is_schema(schema):
        raise UsageError(
            f"{name} in {path} is a {type(schema).__name__}, not a pandera DataFrameSchema or"
            " DataFrameModel"
        )
    return schema, name


def _run(path: Path, code: bytes) -> ModuleType:
    module = ModuleType(f"_imported_{path.stem}")
    module.__file__ = str(path)
    folder = str(path.resolve().parent)
    # Pandera looks up the annotations of a model by its module's name, later too: it stays.
    sys.modules[module.__name__] = module
    sys.path.insert(0, folder)
    try:
        exec(compile(code, str(path), "exec"), module.__dict__)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever the user's own file does, and be it to exit
        missing = isinstance(error, ModuleNotFoundError) and error.name == "pandera"
        why = (
            "it needs pandera: pip install pandera"
            if missing
            else f"{type(error).__name__}: {error}"
        )
        raise UsageError(f"{path} cannot be run: {why}") from error
    finally:
        sys.path.remove(folder)
    return module
