"""The page of actions: bounds, risk, time to live, guards, and who must agree."""

from datetime import UTC, datetime
from itertools import product
from typing import Any, Literal, get_args, get_origin

from deployments.docs.markdown import default, field_words, kind, table
from deployments.docs.markdown import page as whole_page
from spine.action import ActionSpec, GuardView, SiteFacts
from spine.decision.blast import attempts
from spine.flag import CATALOGUE
from spine.plan import Risk
from spine.policy import ActionRequest, rule
from spine.span import span
from tasks.mitigations import actions

_INTRODUCTION = """What may be done about an incident. Each is a lease: it ends by itself, containment excepted, and
what was there before comes back. *Gate* is what must happen before it runs when the decision engine asks for it, for
one tenant: allow (it runs), step-up (a second factor), approve (another person, with a second factor), two-person,
deny. The engine is *sure* from `OPSSPINE_DECISION__AUTOMATIC_CONFIDENCE` on; under
`OPSSPINE_DECISION__PROPOSE_CONFIDENCE` it proposes nothing."""
_NOTHING_KNOWN = SiteFacts(
    allowlist=None, own_networks=None, probe_networks=None, captcha_provider=None, captcha_accessible=None
)


def page() -> str:
    """Every action."""
    parts = (section(mitigation.spec) for _, mitigation in sorted(actions().items()))
    return whole_page("Actions", "`tasks/mitigations/<key>.py` and `spine/policy.py`", _INTRODUCTION, *parts)


def section(spec: ActionSpec[Any]) -> str:
    """One action."""
    rows = [("holds", _holds(spec)), ("acts on", _targets(spec)), ("flag", _flag(spec)), *_caution(spec)]
    parts = [f"## {spec.key}", f"{spec.title}.", table(["", ""], rows)]
    if spec.params.model_fields:
        parts.append(_params(spec))
    parts.append(table(["gate", "prod", "staging", "dev"], gates(spec)))
    return "\n\n".join(parts)


def gates(spec: ActionSpec[Any]) -> list[tuple[str, ...]]:
    """The gates of `spec` by its possible risks and by how sure the engine is."""
    rows = []
    for risk, when in _risks(spec).items():
        for confidence, sure in ((1.0, "sure"), (0.0, "unsure")):
            found = [_gate(spec, risk, environment, confidence) for environment in ("prod", "staging", "dev")]
            rows.append((f"{risk.value} risk{when}, {sure}", *found))
    return rows


def _gate(spec: ActionSpec[Any], risk: Risk, environment: str, confidence: float) -> str:
    request = ActionRequest(
        role="engine",
        risk=risk,
        environment=environment,
        reversible=spec.reversible,
        harmless=spec.harmless,
        containment=spec.containment,
        external=spec.external,
        confidence=confidence,
    )
    return rule(request).gate.label


def _risks(spec: ActionSpec[Any]) -> dict[Risk, str]:
    """Each risk the action can have, and with which parameters."""
    if spec.many is not None and not callable(spec.risk):
        most, risk = spec.many
        return {spec.risk: f" on at most {most}", risk: " on more"}
    if not callable(spec.risk):
        return {spec.risk: ""}
    choices = {n: get_args(f.annotation) for n, f in spec.params.model_fields.items() if _is_choice(f.annotation)}
    found: dict[Risk, str] = {}
    for values in product(*choices.values()):
        given = dict(zip(choices, values, strict=True))
        told = " with " + ", ".join(f"{name} = {value}" for name, value in given.items())
        found.setdefault(spec.risk_of(spec.parse(given)), told)
    return found


def _is_choice(annotation: Any) -> bool:
    return get_origin(annotation) is Literal


def _holds(spec: ActionSpec[Any]) -> str:
    if spec.ttl is None:
        return "it leaves nothing that would have to end"
    return f"{span(spec.ttl.default)} by default, {span(spec.ttl.min)} to {span(spec.ttl.max)}"


def _targets(spec: ActionSpec[Any]) -> str:
    if not spec.max_targets:
        return "the whole tenant"
    widest = ""
    if spec.networks is not None:
        widest = f" networks, none wider than /{spec.networks.min_prefix_v4} or /{spec.networks.min_prefix_v6} (IPv6)"
    if spec.names is not None:
        widest = f" {spec.names.noun}, told by `{spec.names.of}` in the evaluation's context"
    everybody = "; without any, the whole tenant" if spec.targets_optional else ""
    return f"at most {spec.max_targets}{widest}{everybody}"


def _flag(spec: ActionSpec[Any]) -> str:
    if spec.flag_key is None:
        return "none"
    purpose = CATALOGUE[spec.flag_key].purpose if spec.flag_key in CATALOGUE else ""
    return f"`{spec.flag_key}`: {purpose}"


def _caution(spec: ActionSpec[Any]) -> list[tuple[str, str]]:
    return [
        ("may stop at most", f"{spec.hit_cap:.0%} of legitimate attempts, by the replay of the last hour"),
        ("guards", ", ".join(_guards(spec)) or "none"),
        ("can be undone", "yes" if spec.reversible else "no"),
        ("at its end", _end(spec)),
        ("runs without a gate", "once its cause is confirmed" if spec.pre_authorised else "only as the table says"),
        ("changes other systems", "yes" if spec.external else "no"),
    ]


def _end(spec: ActionSpec[Any]) -> str:
    if spec.ttl is None:
        return "nothing happens"
    return "it stays, and somebody is paged" if spec.containment else "it reverts by itself"


def _guards(spec: ActionSpec[Any]) -> list[str]:
    """The guards by the names they answer with; they answer even when nothing can be looked up."""
    now = datetime.now(UTC)
    nothing = GuardView(
        params=None,
        targets=(),
        blast_radius=None,
        site=_NOTHING_KNOWN,
        logins=attempts(None, since=now, until=now),
    )
    return [f"`{guard(nothing).name}`" for guard in spec.guards]


def _params(spec: ActionSpec[Any]) -> str:
    words = field_words(spec.params)
    fields = spec.params.model_fields.items()
    return table(
        ["parameter", "values", "default", "meaning"],
        [(f"`{name}`", kind(field), default(field), words[name]) for name, field in fields],
    )
