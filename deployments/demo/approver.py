"""Who decides in the demo: a scripted person with a second factor, or whoever sits at the keyboard."""

import asyncio
import contextlib
import shlex
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import pyotp
from rich.console import Console
from rich.markup import escape

from deployments.demo.environment import APPROVER_EMAIL
from deployments.demo.slack import Question, SlackWorkspace

_LOOK_EVERY_SECONDS = 0.3
_READS_SECONDS = 1.5
"""Nobody approves what they have not read."""
_REASON = "Stuffing from addresses nobody of ours uses; the estimate spares our people."


class Scripted:
    """Noor: reads the question in Slack, clicks Approve and types the code of her authenticator."""

    def __init__(self, slack: SlackWorkspace, totp_secret: str) -> None:
        self._slack = slack
        self._authenticator = pyotp.TOTP(totp_secret)
        self._last_code = ""

    async def watch(self) -> None:
        """Answer every question, once each, until cancelled."""
        answered: set[str] = set()
        while True:
            with contextlib.suppress(httpx.HTTPError):  # the workspace or the gateway is away: look again
                for question in await asyncio.to_thread(self._slack.questions):
                    if question.approval not in answered and await self._answer(question):
                        answered.add(question.approval)
            await asyncio.sleep(_LOOK_EVERY_SECONDS)

    async def _answer(self, question: Question) -> bool:
        """True once the form was taken; a form that did not open is asked for again."""
        await asyncio.sleep(_READS_SECONDS)
        view = await asyncio.to_thread(self._slack.click_approve, question)
        if view is None:
            return False
        code = await self._fresh_code()
        return not await asyncio.to_thread(self._slack.submit, view, code, _REASON)

    async def _fresh_code(self) -> str:
        """The code of this half minute; a code is good once, so a second question waits for the next."""
        while (code := self._authenticator.now()) == self._last_code:
            await asyncio.sleep(min(1.0, 30 - time.time() % 30))
        self._last_code = code
        return code


@dataclass(frozen=True, slots=True)
class ByHand:
    """You."""

    console: Console
    slack: SlackWorkspace
    folder: Path
    totp_secret: str

    async def watch(self) -> None:
        """Say of every question, once, how to decide it, until cancelled."""
        told: set[str] = set()
        while True:
            with contextlib.suppress(httpx.HTTPError):  # the workspace is away: look again
                for question in await asyncio.to_thread(self.slack.questions):
                    if question.approval not in told:
                        told.add(question.approval)
                        self.console.print(self.explained(question.approval), soft_wrap=True, highlight=False)
            await asyncio.sleep(_LOOK_EVERY_SECONDS)

    def explained(self, approval: str) -> str:
        """Who you are, and the commands that decide, as any shell takes them."""
        link = pyotp.TOTP(self.totp_secret).provisioning_uri(name=APPROVER_EMAIL, issuer_name="opsspine demo")
        one, code = approval[:8], f"import pyotp; print(pyotp.TOTP('{self.totp_secret}').now())"
        told = {
            "a code now": shlex.join([sys.executable, "-c", code]),
            "what is asked": self._command("show", one),
            "yes": self._command("approve", one, "--as", APPROVER_EMAIL, "--reason", "seen"),
            "no": self._command("deny", one, "--as", APPROVER_EMAIL, "--reason", "not sure"),
        }
        head = f"[bold]You decide.[/] You are {APPROVER_EMAIL}; your authenticator: {link}"
        lines = [f"  {what:<14}{escape(command)}" for what, command in told.items()]
        return "\n".join([head, *lines, "  or in Prefect UI: the run is paused; Resume shows the form"])

    def _command(self, *words: str) -> str:
        """`opsspine approvals …` of this demo's spine, from whatever folder and environment."""
        program = Path(sys.executable).with_name("opsspine")
        return f"OPSSPINE_DATA_DIR={shlex.quote(str(self.folder))} {shlex.join([str(program), 'approvals', *words])}"
