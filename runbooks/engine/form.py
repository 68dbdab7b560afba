"""The form a suspended run shows in Prefect UI. It has no user accounts, so the form proves who decides."""

from typing import Literal

from prefect.input import RunInput
from pydantic import Field


class ApprovalForm(RunInput):
    """Resume with this form. It goes through the same decision as a click in Slack or a CLI command."""

    decision: Literal["approve", "deny", "decided elsewhere"] = Field(
        default="decided elsewhere", description="What you decide. Leave as it is when Slack or the CLI decided."
    )
    approver: str = Field(default="", description="Your e-mail address, as registered with `opsspine people add`.")
    reason: str = Field(default="", description="Why. It goes into the audit trail.")
    totp: str = Field(
        default="",
        title="Code",
        description="Six digits from your authenticator; good once, checked at once, then deleted.",
    )
