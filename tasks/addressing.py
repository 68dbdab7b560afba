"""Where a message goes: the settings of its channel, with the row's target in place of the channel's usual one.

Notifiers know one address each, that of the settings they are given. A target names another: a Slack channel, mail
addresses, a receiver of the settings, or a way to reach one person, whose address is opened here and nowhere else.
"""

from uuid import UUID

from pydantic import SecretStr
from sqlalchemy import Connection

from spine.errors import Broken
from spine.notification import Notification
from spine.route import CONTACT
from spine.settings import Settings
from store import contacts

_EACH_ITS_OWN = frozenset({"webhook", "apprise"})
"""Channels in which every target is a machine of its own: one that is down holds back no other."""


def place(row: Notification) -> str:
    """What waits when the delivery of `row` is deferred: the channel, or the one target."""
    own = row.target and row.channel in _EACH_ITS_OWN
    return f"{row.channel}:{row.target}" if own else row.channel


def addressed(connection: Connection, settings: Settings, row: Notification) -> Settings:
    """The settings by which `row` reaches its target.

    Raises:
        Broken: there is no such target; no retry will find it.
    """
    if not row.target:
        return settings
    if row.target.startswith(CONTACT):
        contact = contacts.open_contact(connection, UUID(row.target.removeprefix(CONTACT)), settings)
        if contact is None or contact.channel != row.channel:
            raise Broken(f"the contact {row.target} of {row.channel} is gone: its person took it away")
        return _with_address(settings, row.channel, contact.address)
    return _named(settings, row.channel, row.target)


def _named(settings: Settings, channel: str, target: str) -> Settings:
    """The settings with a target that rules may name."""
    if channel in ("slack", "email"):
        return _with_address(settings, channel, target)
    try:
        if channel == "webhook":
            one = settings.webhook.targets[target]
            return _laid_over(settings, "webhook", url=one.url, secret=one.secret)
        if channel == "pagerduty":
            return _laid_over(settings, "pagerduty", routing_key=settings.pagerduty.services[target])
        if channel == "apprise":
            return _laid_over(settings, "apprise", urls={target: settings.apprise.urls[target]})
    except KeyError as error:
        raise Broken(f"a rule sends to {channel}:{target}, and the settings name no such target") from error
    raise Broken(f"{channel} has no targets, yet a rule sends to {channel}:{target}")


def _with_address(settings: Settings, channel: str, address: str) -> Settings:
    """The settings with an address in clear, as a contact has it."""
    if channel == "slack":
        return _laid_over(settings, "slack", channel=address)
    if channel == "email":
        return settings.model_copy(update={"admin_email": address})
    if channel == "pagerduty":
        return _laid_over(settings, "pagerduty", routing_key=SecretStr(address))
    return _laid_over(settings, "apprise", urls={"contact": SecretStr(address)})


def _laid_over(settings: Settings, group: str, **fields: object) -> Settings:
    return settings.model_copy(update={group: getattr(settings, group).model_copy(update=fields)})
