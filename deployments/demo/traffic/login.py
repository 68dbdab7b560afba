"""One try at the login page, as its client sees it."""

import re
from enum import StrEnum
from html import unescape

import httpx

_ANSWERS = {303: "welcome", 401: "wrong", 403: "blocked", 428: "asked", 429: "throttled"}
_QUESTION = re.compile(r"data-question>(\d+) \+ (\d+)<")
_TOKEN = re.compile(r'name="captcha_token" value="([^"]+)"')


class Answer(StrEnum):
    """What the shop said."""

    WELCOME = "welcome"
    WRONG = "wrong"
    THROTTLED = "throttled"
    BLOCKED = "blocked"
    ASKED = "asked"
    """It wants a question answered first."""
    UNREACHABLE = "unreachable"
    """It did not answer, or not in a way a login page answers."""


async def log_in(
    client: httpx.AsyncClient,
    name: str,
    password: str,
    *,
    ip: str,
    agent: str,
    human: bool,
) -> Answer:
    """Submit the form once; a human then answers the question the page may ask, a script does not."""
    headers = {"X-Forwarded-For": ip, "User-Agent": agent}
    form = {"name": name, "password": password}
    try:
        response = await client.post("/login", data=form, headers=headers)
        if human and response.status_code == 428 and (answered := _answered(response.text)):
            response = await client.post("/login", data={**form, **answered}, headers=headers)
    except httpx.HTTPError:
        return Answer.UNREACHABLE
    return Answer(_ANSWERS.get(response.status_code, "unreachable"))


def _answered(page: str) -> dict[str, str]:
    question, token = _QUESTION.search(page), _TOKEN.search(page)
    if question is None or token is None:
        return {}
    total = int(question[1]) + int(question[2])
    return {"captcha_token": unescape(token[1]), "captcha_answer": str(total)}
