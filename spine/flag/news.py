"""What people are told of a change of a flag that needs a yes."""

from spine.approval import Approval, ApprovalStatus
from spine.flag.change import FlagChange, change_lines
from spine.message import Envelope, Message, Question, Section, verdict
from spine.plain import clean, cut
from spine.wording import WORD

_LINE = 4 * WORD


def change_message(
    envelope: Envelope, approval: Approval, change: FlagChange, *, decided_by: str | None, votes: int
) -> Message:
    """The question an approver answers, or how it was answered."""
    is_open = approval.status is ApprovalStatus.PENDING
    title = "Approval needed" if is_open else f"Approval {approval.status.value}"
    wait = f"answer by {approval.expires_at:%Y-%m-%d %H:%M:%S} UTC" if is_open else "nothing, this is answered"
    given = f", {votes} of {approval.votes_needed} votes given" if approval.votes_needed > 1 else ""
    lines = tuple(cut(clean(line), _LINE) for line in change_lines(change))
    head = f"Flag {clean(change.key)} of tenant {clean(change.tenant_id)}: a change is proposed. Next {wait}."
    return Message(
        id=envelope.id,
        tenant=change.tenant_id,
        topic=envelope.topic,
        severity=envelope.severity,
        at=envelope.at,
        title=f"{clean(envelope.app_name)}: {title}: flag {clean(change.key)}",
        headline=head,
        sections=(
            Section("Change", lines),
            Section("Asked for", (f"{approval.gate.label}{given}, asked by {cut(clean(approval.requester), WORD)}",)),
        ),
        question=Question(approval=approval.id, open=is_open, verdict="" if is_open else verdict(approval, decided_by)),
        link=envelope.link,
        data={
            "approval": str(approval.id), "status": approval.status.value, "flag": change.key,
            "change": str(change.id), "summary": head,
        },
        replaces=envelope.replaces,
    )  # fmt: skip
