"""The severity ladders of RUNBOOKS 2.2 to 2.4 and 2.8: by the share of sign-ins, of tokens, or of mails that fail."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from spine.detect.fault.cell import Cells
from spine.detect.fault.family import CALLBACKS, RESETS, VERIFICATIONS
from spine.detect.scene import Scene
from spine.detect.subject import is_everybody, provider_of
from spine.detect.tail import wilson_lower
from spine.event_type import EventType
from spine.finding import Finding
from spine.incident import IncidentKind
from spine.severity import Severity

_MAILS = {RESETS.kind: (RESETS, "15m"), VERIFICATIONS.kind: (VERIFICATIONS, "60m")}
"""With the window in which nobody may get through; the frames have no 30 minutes."""
_LOCKED = 10
"""People locked out in 15 minutes that make a spike where none are usual. Judgement."""


def graver(findings: Sequence[Finding], scene: Scene) -> list[Finding]:
    """The same findings, graver where they hit many; callbacks and tokens of all tenants are graded already."""
    return [
        finding
        if finding.margin < 1 or (is_everybody(finding.subject) and finding.kind not in _MAILS)
        else replace(finding, severity=max(finding.severity, _least(finding, scene)))
        for finding in findings
    ]


def _least(finding: Finding, scene: Scene) -> Severity:
    if finding.kind is IncidentKind.OAUTH_CALLBACK_ERRORS:
        return _of_callbacks(finding, scene)
    if finding.kind is IncidentKind.JWT_VALIDATION_ERRORS:
        return _of_tokens(finding, scene)
    return _of_mails(finding, scene) if finding.kind in _MAILS else Severity.INFO


def _of_mails(finding: Finding, scene: Scene) -> Severity:
    """High where a quarter of enough tries fails; critical where nobody gets through any more, who used to. Without
    completions ever reported that cannot be told. Source: RUNBOOKS 2.2 and 2.8, Sev."""
    family, window = _MAILS[finding.kind]
    limit = scene.settings.resets if family is RESETS else scene.settings.verifications
    seen = scene.faults(family)
    mine = np.ones(len(seen), bool) if is_everybody(finding.subject) else seen.tenant == finding.tenant_id
    failed, tries = _sums(seen, mine, window)
    frame = scene.frames.faults
    rows = frame[frame["tenant_id"].isin(seen.tenant[mine]) & (frame["type"] == family.successes[0].value)]
    used_to, done = float(rows["mean_60m"].fillna(0).sum()) > 0, float(rows[f"n_{window}"].sum())
    stuck = tries >= limit.critical_min_tries and used_to and not done
    if stuck and (family is VERIFICATIONS or _locked_out(scene, set(seen.tenant[mine]))):
        return Severity.CRITICAL
    failed, tries = _sums(seen, mine, "15m")
    broad = tries >= limit.high_min_tries and float(wilson_lower(failed, tries)) >= limit.high_ratio
    return Severity.HIGH if broad else Severity.INFO


def _locked_out(scene: Scene, tenants: set[str]) -> bool:
    """True when far more people are locked out than usual."""
    rows = scene.frames.series
    rows = rows[rows["tenant_id"].isin(tenants) & (rows["type"] == EventType.LOGIN_LOCKED.value)]
    limit = scene.settings.tenant_ratio
    now, usual = float(rows["n_15m"].sum()), float(rows["base_15m"].fillna(0).sum())
    return now >= max(_LOCKED, limit.min_baseline_factor * usual)


def _of_callbacks(finding: Finding, scene: Scene) -> Severity:
    """High where a provider with a quarter of the sign-ins fails for a quarter of its people; critical where all
    sign-ins by any provider fail. Source: RUNBOOKS 2.3, Sev."""
    limit, seen, window = scene.settings.callbacks, scene.faults(CALLBACKS), _window(finding)
    mine = seen.tenant == finding.tenant_id
    this = mine & (seen.provider == provider_of(finding.subject))
    failed, tries = _sums(seen, mine, window)
    if tries >= limit.critical_min_tries and wilson_lower(failed, tries) >= limit.critical_ratio:
        return Severity.CRITICAL
    failing, tried = _sums(seen, this, window)
    entered = max(_count(scene, finding, EventType.LOGIN_SUCCEEDED, window), tries - failed)
    share = tried / max(entered + failed, 1.0)
    high = share >= limit.high_share and failing >= limit.high_ratio * max(tried, 1.0)
    return Severity.HIGH if high else Severity.INFO


def _of_tokens(finding: Finding, scene: Scene) -> Severity:
    """By the share that is refused, where accepted tokens are reported at all. Source: RUNBOOKS 2.4, Sev."""
    limit = scene.settings.tokens
    accepted = _count(scene, finding, EventType.JWT_ACCEPTED, _window(finding))
    failed = finding.observed.get("failures", 0.0)
    if not accepted or not failed:
        return Severity.INFO
    ratio = float(wilson_lower(failed, accepted + failed))
    if ratio >= limit.critical_ratio:
        return Severity.CRITICAL
    return Severity.HIGH if ratio >= limit.high_ratio else Severity.INFO


def _window(finding: Finding) -> str:
    return f"{round((finding.window_end - finding.window_start).total_seconds() / 60)}m"


def _sums(seen: Cells, mine: "np.typing.NDArray[np.bool_]", window: str) -> tuple[float, float]:
    return float(seen.failures[window][mine].sum()), float(seen.tries[window][mine].sum())


def _count(scene: Scene, finding: Finding, kind: EventType, window: str) -> float:
    """Events of one type of the tenant in the window, whichever frame tells them."""
    return max(_in(frame, finding, kind, window) for frame in (scene.frames.series, scene.frames.faults))


def _in(frame: pd.DataFrame, finding: Finding, kind: EventType, window: str) -> float:
    rows = frame[(frame["tenant_id"] == finding.tenant_id) & (frame["type"] == kind.value)]
    return float(rows[f"n_{window}"].sum())
