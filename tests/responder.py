"""A tenant's responder, and the ways to answer: Slack, Prefect UI, the function behind all of them."""

import hashlib
import hmac
import json
import time
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import httpx

from spine.approval import Approval, Outcome, Vote
from spine.person import PersonRef
from spine.prompt import APPROVE, CODE, DENY, REASON, STEP_UP
from store import approvals, people
from store.decide import decide

_TEAM = "T0TEST"


class Responder:
    """Decides for a tenant of the running spine, with a second factor and a Slack account."""

    def __init__(self, tenant: Any) -> None:
        self.tenant, self.stack = tenant, tenant.stack
        self.user = f"U{tenant.id.upper()}"
        with self.stack.database.system() as connection:
            account = PersonRef.by_slack(_TEAM, self.user)
            people.link(connection, tenant.email, account, actor="test", now=self.stack.now())

    def decide(self, asked: Approval, vote: Vote = "approve") -> Outcome:
        """Write the decision and wake nobody: the call that should have done so was lost."""
        return decide(
            self.stack.database, asked.id, person=self.tenant.person, vote=vote, via="cli", reason="test",
            totp=self.tenant.totp.now(), settings=self.stack.settings,
        )  # fmt: skip

    def slack(self, asked: Approval, vote: Vote = "approve") -> dict[str, Any]:
        """Click Deny, or send the modal that Approve opens, as Slack would; what the modal shows as errors."""
        if vote == "deny":
            action = {"type": "button", "action_id": DENY, "block_id": "b", "value": str(asked.id), "action_ts": "1.1"}
            payload = {"type": "block_actions", "actions": [action], "container": {"type": "message"}}
        else:
            typed = {CODE: self.tenant.totp.now(), REASON: "test"}
            values = {name: {name: {"type": "plain_text_input", "value": typed[name]}} for name in typed}
            view = {
                "type": "modal", "id": "V1", "callback_id": STEP_UP, "state": {"values": values},
                "private_metadata": json.dumps({"approval": str(asked.id)}),
            }  # fmt: skip
            payload = {"type": "view_submission", "view": view}
        answer = self._signed({**payload, **self._who()})
        return dict(answer.json().get("errors", {})) if vote == "approve" and answer.content else {}

    def form(self, run: UUID | None, **fields: str) -> str:
        """Resume the run with the form of Prefect UI; the orchestrator's answer, ACCEPT or REJECT."""
        url = f"{self.stack.state['prefect_url']}/api/flow_runs/{run}/resume"
        answer = self.stack.http.post(url, json={"run_input": fields})
        return str(answer.json()["status"]) if answer.status_code in (200, 201) else str(answer.status_code)

    def filled(self, **changes: str) -> dict[str, str]:
        """The form as this person fills it in."""
        code = self.tenant.totp.now()
        return {"decision": "approve", "approver": self.tenant.email, "reason": "test", "totp": code, **changes}

    def answer(self, asked: Approval) -> Approval:
        """The question as it stands now."""
        with self.stack.database.system() as connection:
            found = approvals.get(connection, asked.id)
        assert found is not None
        return found

    def _who(self) -> dict[str, Any]:
        return {
            "user": {"id": self.user, "team_id": _TEAM}, "team": {"id": _TEAM}, "api_app_id": "A1", "token": "x",
            "trigger_id": "1.1", "enterprise": None, "is_enterprise_install": False, "response_urls": [],
            "response_url": "http://127.0.0.1:9/nobody", "channel": {"id": "C1"}, "action": APPROVE,
        }  # fmt: skip

    def _signed(self, payload: dict[str, Any]) -> httpx.Response:
        body, stamp = urlencode({"payload": json.dumps(payload)}), str(int(time.time()))
        secret = self.stack.environment["OPSSPINE_SLACK__SIGNING_SECRET"].encode()
        digest = hmac.new(secret, f"v0:{stamp}:{body}".encode(), hashlib.sha256).hexdigest()
        headers = {
            "X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={digest}",
            "Content-Type": "application/x-www-form-urlencoded",
        }  # fmt: skip
        url = f"{self.stack.state['gateway_url']}/slack/interactivity"
        answer = self.stack.http.post(url, content=body, headers=headers)
        answer.raise_for_status()
        return answer
