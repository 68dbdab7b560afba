"""Evaluation of a set of flags by flagd's reference evaluator."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import OpenFeatureError
from openfeature.flag_evaluation import FlagResolutionDetails

from spine.flag.definition import Definition
from spine.flag.network import enrich
from spine.flag.rule import needs_targeting_key


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What an application reads."""

    key: str
    value: Any
    variant: str
    reason: str
    metadata: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a flag could not be evaluated; `code` is OpenFeature's."""

    key: str
    code: str
    details: str


class FlagSet:
    """The effective flags of one tenant, ready to be evaluated. A bad one fails alone."""

    def __init__(self, definitions: Mapping[str, Definition], broken: Mapping[str, str] | None = None) -> None:
        """`broken`: flags that are no valid definition, and why; asked for, they are failures."""
        self._core, self._broken = FlagdCore(), dict(broken or {})
        loadable = self._load(definitions)
        self._types = {key: definition.value_type for key, definition in loadable.items()}
        self._fixed: dict[str, Evaluation | Failure] = {}
        """What flags without a rule are, for everybody: found at the first question."""
        self._ruled = {key for key, definition in loadable.items() if definition.targeting}
        self._keyed = {key for key, definition in loadable.items() if needs_targeting_key(definition.targeting)}

    def _load(self, definitions: Mapping[str, Definition]) -> Mapping[str, Definition]:
        """One flag that does not load makes flagd refuse the whole set, so it is found and left out."""
        try:
            self._core.set_flags(_as_set(definitions))
        except Exception:  # whatever the evaluator has against it
            good = {}
            for key, definition in definitions.items():
                try:
                    FlagdCore().set_flags(_as_set({key: definition}))
                    good[key] = definition
                except Exception as error:  # as above
                    self._broken[key] = f"the definition does not load: {error}"
            self._core.set_flags(_as_set(good))
            return good
        return definitions

    @property
    def keys(self) -> list[str]:
        """The flags' keys, in order."""
        return sorted(self._types.keys() | self._broken.keys())

    def evaluate(self, key: str, context: Mapping[str, Any]) -> Evaluation | Failure:
        """What flag `key` is for `context`: `targetingKey`, `ip` and whatever rules ask for."""
        if key not in self._types:
            if key in self._broken:
                return Failure(key, "PARSE_ERROR", self._broken[key])
            return Failure(key, "FLAG_NOT_FOUND", f"There is no flag {key!r}")
        if key not in self._ruled:
            if key not in self._fixed:
                self._fixed[key] = self._evaluated(key, {})
            return self._fixed[key]
        return self._evaluated(key, context)

    def _evaluated(self, key: str, context: Mapping[str, Any]) -> Evaluation | Failure:
        targeting_key = context.get("targetingKey")
        attributes = enrich({name: value for name, value in context.items() if name != "targetingKey"})
        try:
            found = self._resolve(key, EvaluationContext(targeting_key or None, attributes))
        except OpenFeatureError as error:
            return Failure(key, error.error_code.value, error.error_message or "evaluation failed")
        except Exception as error:  # a rule that fails for some context takes no other flag along
            return Failure(key, "GENERAL", f"the rule cannot be evaluated for this context: {error}")
        reason = str(found.reason)
        if reason == "DEFAULT":
            if key in self._keyed and not targeting_key:
                return Failure(
                    key, "TARGETING_KEY_MISSING", "its rollout needs a targetingKey, and the context has none"
                )
            reason = "STATIC"  # clients take DEFAULT for "use the code default"
        return Evaluation(key, found.value, str(found.variant), reason, dict(found.flag_metadata))

    def _resolve(self, key: str, context: EvaluationContext) -> FlagResolutionDetails[Any]:
        match self._types[key]:
            case "boolean":
                return self._core.resolve_boolean_value(key, False, context)
            case "string":
                return self._core.resolve_string_value(key, "", context)
            case "integer":
                return self._core.resolve_integer_value(key, 0, context)
            case "float":
                return self._core.resolve_float_value(key, 0.0, context)
            case "object":
                return self._core.resolve_object_value(key, {}, context)


def _as_set(definitions: Mapping[str, Definition]) -> dict[str, Any]:
    return {"flags": {key: definition.stored() for key, definition in definitions.items()}}
