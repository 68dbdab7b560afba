"""A whole spine as processes for benchmarks: the handle that the tests have on it, in a folder of its own."""

import importlib.util
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def of_tests(name: str) -> Any:
    """A module of the tests: their handle on a whole spine, or on one of its tenants."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parents[1] / "tests" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextmanager
def stack(**settings: str) -> Iterator[Any]:
    """A spine that is not started yet, PostgreSQL with fsync on; stopped and removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="opsspine-bench-"))
    folder.chmod(0o755)
    made = of_tests("stack").Stack(folder, **settings)
    try:
        yield made
    finally:
        if hasattr(made, "database"):
            made.down()
        elif made.process is not None:
            made.process.terminate()
            made.process.wait(90)
        shutil.rmtree(folder, ignore_errors=True)
