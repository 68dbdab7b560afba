"""A fake Slack for the demo and the tests: faithful in limits, signatures and expiry. Nothing else imports it."""

from deployments.demo.fake_slack.web import create_app
from deployments.demo.fake_slack.workspace import FakeSlack

__all__ = ["FakeSlack", "create_app"]
