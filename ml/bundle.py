"""Models as bytes and back: skops, never pickle, and only the types named here.

A skops file tells its types before anything is made of them. What is not on the list below is refused, though skops
itself would trust it; so is what does not come out as a model of this version.
"""

import io
import json
import zipfile
from dataclasses import fields
from typing import Any

import skops.io

from ml.feature import COLUMNS, VERSION
from ml.fit import Model
from spine.errors import Refused

_OURS = [
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn._loss._loss.CyHalfSquaredError",
    "sklearn._loss.link.IdentityLink",
    "sklearn._loss.link.Interval",
    "sklearn.tree._tree.Tree",
]
"""Types that skops does not trust by itself: holders of numbers that calibration and boosting consist of. A crafted
tree could point outside its arrays: that it is ours is what the signed digest says, which is checked before."""
TYPES = frozenset(
    {
        *_OURS, "builtins.dict", "builtins.list", "builtins.tuple", "builtins.str", "builtins.slice", "builtins.type",
        "numpy.ndarray", "numpy.dtype", "numpy.float64", "numpy.int64", "numpy.random.mtrand.RandomState",
        "sklearn.calibration.CalibratedClassifierCV", "sklearn.compose._column_transformer.ColumnTransformer",
        "sklearn.dummy.DummyClassifier", "sklearn.dummy.DummyRegressor",
        "sklearn.ensemble._gb.GradientBoostingRegressor", "sklearn.linear_model._logistic.LogisticRegression",
        "sklearn.pipeline.Pipeline", "sklearn.preprocessing._data.StandardScaler",
        "sklearn.preprocessing._encoders.OneHotEncoder", "sklearn.tree._classes.DecisionTreeRegressor",
        "sklearn.tree._tree.Tree", "sklearn._loss.loss.HalfSquaredError",
    }
)  # fmt: skip
"""Every type a model may consist of."""
MOST_BYTES = 20_000_000
_MOST_UNPACKED = 200_000_000
_SCHEMA = "schema.json"


def dumped(model: Model) -> bytes:
    """The model as bytes."""
    parts = {field.name: getattr(model, field.name) for field in fields(model)}
    parts["usual"] = dict(model.usual)
    return bytes(skops.io.dumps(parts))


def loaded(body: bytes) -> Model:
    """The model in `body`, which the caller found to be ours (its digest is signed).

    Raises:
        Refused: it is none, of another version, or has types that no model of ours has. Nothing of it was executed.
    """
    if unknown := types_in(body) - TYPES:
        raise Refused(
            "model.types", f"The model holds types that none of ours has ({', '.join(sorted(unknown))[:300]}). "
            "It was not loaded; train a new one with `opsspine ml train`.",
        )  # fmt: skip
    try:
        parts: Any = skops.io.loads(body, trusted=list(_OURS))
        model = Model(**parts)
        fitting = model.features == VERSION and set(model.usual) == set(COLUMNS)
    except Exception as error:  # whatever a crafted file makes the reader raise, it is not a model
        raise _unfit(type(error).__name__) from error
    if not fitting:
        raise _unfit("it was made for other features")
    return model


def types_in(body: bytes) -> set[str]:
    """The types that a skops file names, without making any of them.

    Raises:
        Refused: it is no skops file, or an implausibly large one.
    """
    if len(body) > MOST_BYTES:
        raise _unfit("too many bytes")
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as packed:
            if sum(one.file_size for one in packed.infolist()) > _MOST_UNPACKED:
                raise _unfit("too many bytes unpacked")
            schema = json.loads(packed.read(_SCHEMA))
    except (zipfile.BadZipFile, KeyError, ValueError, RecursionError, OSError, EOFError) as error:
        raise _unfit(type(error).__name__) from error
    found: set[str] = set()
    rest: list[Any] = [schema]
    while rest:
        node = rest.pop()
        if isinstance(node, dict):
            if "__class__" in node:
                found.add(f"{node.get('__module__')}.{node['__class__']}")
            rest.extend(node.values())
        elif isinstance(node, list):
            rest.extend(node)
    return found


def _unfit(why: str) -> Refused:
    return Refused(
        "model.unfit", f"These bytes are no model of this version ({why}), so they were not used. "
        "Train one with `opsspine ml train`.",
    )  # fmt: skip
