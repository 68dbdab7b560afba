"""mail_dns: the records that mail of the domain rests on."""

from spine.diagnostic import Answer
from spine.launch import Item
from tasks.launch import LaunchCheck, Ports, together


async def run(ports: Ports) -> Answer:
    """MX, SPF, DKIM, DMARC as they are answered now."""
    return together(CHECK.item.key, await ports.diagnosed("mail_dns"))


CHECK = LaunchCheck(
    item=Item(key="mail_dns", title="Mail has its DNS records"),
    run=run,
    looks_at="MX, SPF with at most ten look-ups, DKIM of every selector, DMARC.",
)
