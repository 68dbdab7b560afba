"""A channel is a file in tasks/notifiers; settings name channels, and an unknown one is told at the start."""

import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

import tasks.notifiers
from deployments import supervisor
from deployments.cli import app
from spine.errors import Refused
from spine.settings import NotifySettings, Settings
from tasks.notifiers import channels, checked, notifiers

CHANNELS = ["alertmanager", "apprise", "email", "log", "pagerduty", "slack", "webhook"]


@pytest.fixture
def pager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One new file, and nothing else."""
    (tmp_path / "pager.py").write_text("def send(message, ports): ...")
    monkeypatch.setattr(tasks.notifiers, "__path__", [*tasks.notifiers.__path__, str(tmp_path)])
    importlib.invalidate_caches()
    notifiers.cache_clear()
    yield
    notifiers.cache_clear()


def test_every_file_is_a_channel() -> None:
    assert channels() == CHANNELS == sorted(notifiers())


@pytest.mark.usefixtures("pager")
def test_a_new_file_is_a_new_channel() -> None:
    assert "pager" in notifiers()
    assert checked(Settings(notify=NotifySettings(mode=["log", "pager"]))).notify.mode == ["log", "pager"]


def test_an_unknown_channel_is_refused_with_the_known_ones() -> None:
    with pytest.raises(Refused, match=r"names 'pager', 'slcak', .* There are: alertmanager, apprise, email"):
        checked(Settings(notify=NotifySettings(mode=["slcak", "log", "pager"])))


def test_nothing_starts_with_an_unknown_channel(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPSSPINE_NOTIFY__MODE", '["pager"]')
    ran = CliRunner().invoke(app, ["up"])
    assert (ran.exit_code, "OPSSPINE_NOTIFY__MODE names 'pager'" in ran.output) == (1, True)
    assert supervisor.main() == 1
    assert "OPSSPINE_NOTIFY__MODE names 'pager'" in capsys.readouterr().err
