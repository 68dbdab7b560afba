"""The environment of a cluster's processes: the same variables that a chart or a unit file sets."""

from collections.abc import Sequence
from urllib.parse import urlsplit, urlunsplit

_REDIS_MODULES = {
    "PREFECT_SERVER_EVENTS_MESSAGING_BROKER": "prefect_redis.messaging",
    "PREFECT_SERVER_EVENTS_MESSAGING_CACHE": "prefect_redis.messaging",
    "PREFECT_SERVER_EVENTS_CAUSAL_ORDERING": "prefect_redis.ordering",
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect_redis.lease_storage",
    "PREFECT_SERVER_WORKER_CHANNEL_CLEANUP_QUEUE_STORAGE": "prefect_redis.cleanup_queue",
}
_MESSAGES, _DOCKET, _CLEANUP = 0, 1, 2
"""Numbers of Redis databases: none of them trims what another one needs."""


def redis_database(url: str, number: int) -> str:
    """The URL of another database of the same Redis."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{number}"))


def prefect_servers(redis_url: str, auth: str) -> dict[str, str]:
    """What lets several Prefect servers be one: Redis carries messages, leases and background work between them.

    `auth` ("user:password") is asked of whoever calls their API.
    """
    return {
        **_REDIS_MODULES,
        "PREFECT_REDIS_MESSAGING_URL": redis_database(redis_url, _MESSAGES),
        "PREFECT_SERVER_DOCKET_URL": redis_database(redis_url, _DOCKET),
        "PREFECT_REDIS_WORKER_CLEANUP_QUEUE_URL": redis_database(redis_url, _CLEANUP),
        "PREFECT_SERVER_DATABASE_MIGRATE_ON_START": "false",  # done once, before they start
        "PREFECT_SERVER_REGISTER_BLOCKS_ON_START": "false",  # two at once on a fresh database: one of them ends
        "PREFECT_SERVER_API_AUTH_STRING": auth,
    }


def prefect_clients(urls: Sequence[str], auth: str, first: int) -> dict[str, str]:
    """What lets a process find the servers; each begins with another one of them, so that all bear a part."""
    turn = first % len(urls)
    own, *others = (*urls[turn:], *urls[:turn])
    listed = ",".join(f'"{url}"' for url in others)
    return {
        "OPSSPINE_PREFECT__API_URL": own,
        "OPSSPINE_PREFECT__MORE_API_URLS": f"[{listed}]",
        "PREFECT_API_URL": own,
        "PREFECT_API_AUTH_STRING": auth,
        "PREFECT_CLIENT_RETRY_EXTRA_CODES": "500",  # of a server whose database or Redis is away for a moment
    }
