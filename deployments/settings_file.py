"""Settings from a file, laid over those of the environment: to try a change before it is made."""

import tomllib
from pathlib import Path

from pydantic import ValidationError

from spine.errors import Refused
from spine.settings import Settings


def overlaid(file: Path) -> Settings:
    """The present settings with those of a TOML file over them; its tables are the groups, as `[detect.bucket]`.

    Raises:
        Refused: it is no TOML, or names or values in it are not those of settings.
    """
    try:
        given = tomllib.loads(file.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Refused("settings.file", f"{file} cannot be read as TOML: {error}. Nothing was replayed.") from error
    unknown = sorted(_unknown(given, Settings))
    if unknown:
        raise Refused(
            "settings.unknown",
            f"{file} sets {', '.join(unknown)}, which no setting is called; nothing was replayed. The names are in "
            "docs/reference/settings.md.",
        )
    try:
        return Settings(**given)
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise Refused("settings.value", f"{file} has values that cannot be: {told}. Nothing was replayed.") from error


def _unknown(given: dict[str, object], model: type) -> set[str]:
    """Names in `given` that the model does not have, with their groups."""
    fields = getattr(model, "model_fields", {})
    found = set()
    for name, value in given.items():
        if name not in fields:
            found.add(name)
        elif isinstance(value, dict) and hasattr(fields[name].annotation, "model_fields"):
            found |= {f"{name}.{inner}" for inner in _unknown(value, fields[name].annotation)}
    return found
