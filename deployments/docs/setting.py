"""The page of settings: every environment variable, from the typed settings."""

from collections.abc import Iterator

from pydantic import AliasChoices, BaseModel
from pydantic.fields import FieldInfo

from deployments.docs.markdown import default, field_words, first_paragraph, kind, table
from deployments.docs.markdown import page as whole_page
from spine.settings import Settings

_INTRODUCTION = """Settings are environment variables. Lists and objects are JSON. A value that does not fit stops the
start with a message that names it. `OPSSPINE_TEST_DATA` says where tests find public data."""


def page() -> str:
    """Every setting, group by group."""
    parts = [section(title, model, rows) for title, model, rows in groups(Settings, "OPSSPINE_", "General")]
    return whole_page("Settings", "`spine/settings/`", _INTRODUCTION, *parts)


def variables() -> set[str]:
    """The names of all environment variables that are settings."""
    found = groups(Settings, "OPSSPINE_", "")
    return {name for _, _, fields in found for names, _, _ in fields for name in names}


Row = tuple[list[str], FieldInfo, str]


def groups(model: type[BaseModel], prefix: str, title: str) -> Iterator[tuple[str, type[BaseModel], list[Row]]]:
    """(title, model, [(variables, field, words)]) of `model` and of every group within it."""
    words, plain, nested = field_words(model), [], []
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            nested.append((name, field.annotation))
        else:
            plain.append((_names(prefix, name, field), field, words[name]))
    yield title, model, plain
    for name, group in nested:
        yield from groups(group, f"{prefix}{name.upper()}__", f"{title}.{name}" if prefix.count("__") else name)


def section(title: str, model: type[BaseModel], rows: list[Row]) -> str:
    """One group as a table."""
    lines = [[" or ".join(f"`{n}`" for n in names), kind(field), default(field), said] for names, field, said in rows]
    return f"## {title}\n\n{first_paragraph(model.__doc__)}\n\n" + table(
        ["variable", "values", "default", "meaning"], lines
    )


def _names(prefix: str, name: str, field: FieldInfo) -> list[str]:
    alias = field.validation_alias
    return [str(choice) for choice in alias.choices] if isinstance(alias, AliasChoices) else [f"{prefix}{name.upper()}"]
