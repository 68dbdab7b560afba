"""Bytes that are no model of ours are refused before anything of them is executed."""

import io
import os
import pickle
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from ml.bundle import MOST_BYTES, TYPES, dumped, loaded, types_in
from ml.fit import fit
from ml.predict import rank_of
from ml.sample import of_line, table
from spine.errors import Refused


class _Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> Any:
        return (os.mkdir, (str(self.file),))


@pytest.fixture(scope="module")
def model(made_lines: list[dict[str, Any]]) -> Any:
    return fit(table([of_line(line) for line in made_lines]), "logistic")


@pytest.mark.parametrize("ranker", ["logistic", "boosted"])
def test_a_model_comes_back_as_it_was(ranker: Any, made_lines: list[dict[str, Any]]) -> None:
    examples = table([of_line(line) for line in made_lines])
    model = fit(examples, ranker)
    body = dumped(model)
    assert types_in(body) <= TYPES
    assert np.array_equal(rank_of(loaded(body), examples), rank_of(model, examples))


def test_a_pickle_is_never_unpickled(tmp_path: Path) -> None:
    body = pickle.dumps(_Bomb(tmp_path / "exploded"))
    with pytest.raises(Refused, match="no model"):
        loaded(body)
    assert not (tmp_path / "exploded").exists()


def test_other_types_are_refused_though_the_reader_would_trust_them(model: Any, tmp_path: Path) -> None:
    sly = Pipeline([("model", FunctionTransformer(os.system))])
    parts = {name: getattr(model, name) for name in model.__dataclass_fields__} | {"rank": sly}
    with pytest.raises(Refused, match="types that none of ours has"):
        loaded(bytes(skops.io.dumps(parts)))


@pytest.mark.parametrize(
    "body",
    [b"", b"PK", b"\x00" * 100, bytes(skops.io.dumps({"rank": [1.0]})), b"x" * (MOST_BYTES + 1)],
    ids=["empty", "torn", "zeros", "another thing", "huge"],
)
def test_what_is_no_model_is_refused(body: bytes) -> None:
    with pytest.raises(Refused):
        loaded(body)


def test_a_file_that_unpacks_without_end_is_refused() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("schema.json", b" " * 210_000_000)
    with pytest.raises(Refused, match="unpacked"):
        loaded(packed.getvalue())


def test_a_model_of_other_features_is_refused(model: Any) -> None:
    with pytest.raises(Refused, match="other features"):
        loaded(dumped(replace(model, features=0)))
