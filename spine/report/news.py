"""The weekly summary as a message."""

from typing import Any

from spine.message import Envelope, Message, Section
from spine.plain import clean, cut

_LINE = 400


def week_message(envelope: Envelope, tenant: str, payload: dict[str, Any], link: str) -> Message:
    """What people are told once a week; every line bears its citation. The link leads to the whole summary."""
    said = cut(clean(str(payload["summary"])), _LINE)
    return Message(
        id=envelope.id, tenant=tenant, topic=envelope.topic, severity=envelope.severity, at=envelope.at,
        title=f"{clean(envelope.app_name)}: the week of {clean(tenant)}", headline=said,
        sections=tuple(
            Section(str(one["title"]), tuple(cut(clean(str(line)), _LINE) for line in one["lines"]))
            for one in payload["sections"]
        ),
        link=link, data={"summary": said, "report": link},
    )  # fmt: skip
