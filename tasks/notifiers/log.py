"""The log: one line a message, for machines that collect logs, and for the day nothing else is set up."""

import structlog

from spine.message import Message
from spine.notification import Receipt
from tasks.notifiers import Ports

_log = structlog.get_logger("notification")


def send(message: Message, ports: Ports) -> Receipt:
    """Write the message as one structured line."""
    _log.info(
        message.title,
        id=str(message.id),
        tenant=message.tenant,
        topic=message.topic.value,
        severity=message.severity.label,
        says=message.headline,
        verdict=message.question.verdict if message.question else "",
    )
    return Receipt({"logged": True})
