"""`POST /api/ops/alertmanager`: an Alertmanager's webhook (version 4). A key with the scope `alerts:write` says whose.

In Alertmanager: a receiver with `webhook_configs: [{url: …/api/ops/alertmanager, send_resolved: true, http_config:
{authorization: {credentials: <key>}}}]`.
"""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from gateway.api.oncall_view import Moment
from gateway.api.view import View
from gateway.auth import Scope
from gateway.caller import Caller, calling
from gateway.context import context_of
from gateway.problem import Problem
from spine.alert import Alert
from store.alerts import hear
from store.retry import retrying

router = APIRouter(prefix="/api/ops/alertmanager", tags=["alertmanager"])
Teller = Annotated[Caller, Depends(calling(Scope.ALERTS_WRITE))]
_MOST_LABELS, _LONGEST_LABEL = 64, 2000


def _storable(labels: dict[str, str]) -> dict[str, str]:
    if len(labels) > _MOST_LABELS or any(len(v) > _LONGEST_LABEL or len(k) > 200 for k, v in labels.items()):
        raise ValueError(f"at most {_MOST_LABELS} labels of {_LONGEST_LABEL} characters")
    if any("\x00" in text or _half(text) for one in labels.items() for text in one):
        raise ValueError("a label has characters that are no text")
    return labels


def _half(text: str) -> bool:
    return any("\ud800" <= one <= "\udfff" for one in text)


class SentAlert(BaseModel):
    """One alert. What else Alertmanager sends (annotations, URLs) is not kept."""

    model_config = ConfigDict(extra="ignore")
    status: Literal["firing", "resolved"]
    labels: Annotated[dict[str, str], AfterValidator(_storable)]
    startsAt: Moment
    fingerprint: Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z_-]{1,64}$")]


_EXAMPLE: dict[str, Any] = {
    "version": "4", "groupKey": '{}:{alertname="LoginFailures"}', "status": "firing", "receiver": "opsspine",
    "alerts": [{
        "status": "firing", "fingerprint": "c1a5b9f3d2e04786", "startsAt": "2026-11-23T03:04:05Z",
        "labels": {"alertname": "LoginFailures", "severity": "critical", "opsspine_kind": "FAILED_LOGINS_SPIKE"},
    }],
}  # fmt: skip


class Webhook(BaseModel):
    """What Alertmanager posts to a receiver."""

    model_config = ConfigDict(extra="ignore", json_schema_extra={"examples": [_EXAMPLE]})
    version: Literal["4"]
    alerts: list[SentAlert]


class Taken(View):
    """What became of each alert, by its fingerprint."""

    opened: dict[str, str] = Field(description="Incidents that opened.")
    joined: dict[str, str] = Field(description="Incidents that were open already.")
    closed: dict[str, str] = Field(description="Incidents that ended with their last alert.")
    noted: dict[str, str] = Field(description="Ends that are noted: the incident has other reasons to live.")
    duplicate: list[str] = Field(description="Heard before, with this start and status.")
    ignored: dict[str, str] = Field(description="Alerts that are no incident, and why.")


@router.post("")
def take_alerts(request: Request, caller: Teller, sent: Webhook) -> Taken:
    """Firing alerts open an incident or join one; resolved ones end it, or are noted. Sent again, nothing changes."""
    context = context_of(request)
    most = context.settings.alertmanager.max_alerts
    if len(sent.alerts) > most:
        detail = f"{len(sent.alerts)} alerts; at most {most} are taken at once. Set max_alerts of the receiver."
        raise Problem(413, "alerts.too_many", detail, errors=[{"pointer": "#/alerts", "detail": f"more than {most}"}])
    alerts = [
        Alert(fingerprint=a.fingerprint, firing=a.status == "firing", starts_at=a.startsAt, labels=a.labels)
        for a in sent.alerts
    ]

    def work() -> Taken:
        with context.database.system() as connection:
            done = hear(
                connection, caller.tenant, alerts, context.settings, actor=caller.actor, now=context.clock.now()
            )
        named = {
            name: {key: str(incident) for key, incident in getattr(done, name).items()}
            for name in ("opened", "joined", "closed", "noted")
        }
        return Taken(**named, duplicate=done.duplicate, ignored=done.ignored)

    return retrying(work)
