"""The demo's judge: a stage that does not happen is never passed over."""

import asyncio
from collections.abc import Callable

import httpx
import pytest

from deployments.demo.stage import HopelessError, Passed, Stage, StageMissedError, play


class Notes:
    """A screen that remembers."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def began(self, stage: Stage) -> None:
        self.lines.append(f"began {stage.name}")

    def passed(self, passed: Passed) -> None:
        self.lines.append(f"passed {passed.stage.name}: {passed.evidence}")

    def missed(self, error: StageMissedError) -> None:
        self.lines.append(f"missed {error.stage.name}")


def _stage(name: str, check: Callable[[], str | None], seconds: float = 0.6) -> Stage:
    return Stage(name=name, title=name.title(), check=check, seconds=seconds)


def test_stages_pass_in_their_order_with_their_evidence() -> None:
    notes = Notes()
    done = asyncio.run(play([_stage("one", lambda: "a"), _stage("two", lambda: "b")], notes))
    assert [p.evidence for p in done] == ["a", "b"]
    assert notes.lines == ["began one", "passed one: a", "began two", "passed two: b"]


def test_a_stage_that_never_happens_ends_the_play() -> None:
    notes, later = Notes(), []
    with pytest.raises(StageMissedError) as caught:
        asyncio.run(play([_stage("never", lambda: None), _stage("later", lambda: later.append(1) or "x")], notes))  # type: ignore[func-returns-value]
    assert caught.value.stage.name == "never"
    assert notes.lines == ["began never", "missed never"]
    assert later == []


def test_a_stage_that_happens_after_a_while_passes() -> None:
    looks = iter([None, None, "now"])
    done = asyncio.run(play([_stage("slow", lambda: next(looks), 5)], Notes()))
    assert done[0].took >= 0.5


def test_a_hopeless_stage_is_not_waited_for() -> None:
    def check() -> str | None:
        raise HopelessError("the incident was escalated")

    with pytest.raises(StageMissedError, match="the incident was escalated") as caught:
        asyncio.run(play([_stage("fixed", check, 60)], Notes()))
    assert caught.value.stage.name == "fixed"


def test_a_process_that_is_being_restarted_is_asked_again() -> None:
    answers = iter([httpx.ConnectError("refused"), "back"])

    def check() -> str | None:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert asyncio.run(play([_stage("ready", check, 5)], Notes()))[0].evidence == "back"


def test_an_error_of_the_check_itself_is_not_taken_for_not_yet() -> None:
    with pytest.raises(ZeroDivisionError):
        asyncio.run(play([_stage("wrong", lambda: str(1 / 0), 5)], Notes()))


def test_a_stage_is_pushed_once_when_its_turn_comes() -> None:
    pushes: list[str] = []

    async def push() -> None:
        pushes.append("attack")

    stage = Stage(name="attack", title="Attack", check=lambda: "x" if pushes else None, seconds=1, begin=push)
    asyncio.run(play([stage], Notes()))
    assert pushes == ["attack"]
