"""Small pieces of Markdown, and the words a model's fields are documented with."""

import ast
import inspect
import json
import types
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import AwareDatetime, BaseModel, SecretStr
from pydantic.fields import FieldInfo

_BOUNDS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<", "multiple_of": "multiple of"}


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; what would break a cell is escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(text) for text in line) + " |" for line in lines)


def page(title: str, module: str, *parts: str) -> str:
    """A whole page, with a word on where it comes from."""
    note = f"Written by `python -m deployments.docs` from {module}; edit that, not this."
    return "\n\n".join([f"# {title}", note, *(part.strip("\n") for part in parts)]) + "\n"


def first_paragraph(docstring: str | None) -> str:
    """What comes before the first blank line, on one line."""
    return " ".join(inspect.cleandoc(docstring or "").split("\n\n")[0].split())


def field_words(model: type[BaseModel]) -> dict[str, str]:
    """The text below each field of `model`, on one line; "" where there is none."""
    (body,) = [n.body for n in ast.parse(inspect.getsource(model)).body if isinstance(n, ast.ClassDef)]
    words = dict.fromkeys(model.model_fields, "")
    for field, below in pairwise(body):
        match field, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                words[name] = " ".join(text.split())
    return words


def kind(field: FieldInfo) -> str:
    """What may stand in `field`: its type in words, with its bounds."""
    bounds = [
        f"{sign} {getattr(constraint, name)}"
        for constraint in field.metadata
        for name, sign in _BOUNDS.items()
        if getattr(constraint, name, None) is not None
    ]
    return ", ".join([_type(field.annotation), *bounds])


def default(field: FieldInfo) -> str:
    """What `field` is when nobody sets it."""
    if field.is_required():
        return "required"
    if field.default_factory is not None:
        return first_paragraph(field.default_factory.__doc__)
    if field.default in (None, ""):
        return "unset"
    return f"`{field.default if isinstance(field.default, str) else json.dumps(field.default)}`"


def _type(annotation: Any) -> str:
    if get_origin(annotation) in (Union, types.UnionType):
        return " or ".join(_type(one) for one in get_args(annotation) if one is not type(None))
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{word}`" for word in get_args(annotation))
    if get_origin(annotation) is list:
        return f"JSON list of {_type(get_args(annotation)[0])}"
    if get_origin(annotation) is dict:
        return f"JSON object of {_type(get_args(annotation)[1])}"
    names = {
        str: "text", int: "whole number", float: "number", bool: "true, false", SecretStr: "secret text",
        AwareDatetime: "time with its zone",
    }  # fmt: skip
    return names.get(annotation) or str(annotation.__name__).lower()


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").strip() or " "
