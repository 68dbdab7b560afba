"""Too many requests: 429 with `Retry-After`, by counters in PostgreSQL. Flags (/ofrep) are never counted."""

import math
from datetime import datetime, timedelta
from ipaddress import IPv4Address, ip_address, ip_network

from fastapi import Request
from sqlalchemy import Connection

from gateway.context import Context, context_of
from gateway.problem import Problem
from store.rate import Rate, take

_OWN_BITS = 64
"""Of an IPv6 address, what says whose it is. Source: RFC 6177."""


def by_caller(context: Context, caller: str) -> None:
    """Count one request of a key or session.

    Raises:
        Problem: 429.
    """
    rates = context.settings.signin.rate
    rate = Rate(rates.caller_burst, timedelta(seconds=1) / rates.caller_per_second)
    wait = context.purse.spend(f"caller {caller}", rate, 1, now=context.clock.now())
    _refuse(wait, "More requests than one caller may make.")


def by_events(context: Context, key: object, count: int) -> None:
    """Count the events of one body that `key` brings.

    Raises:
        Problem: 429; none of them was taken in.
    """
    rates, now = context.settings.signin.rate, context.clock.now()
    rate = Rate.per_minute(rates.event_burst, rates.event_per_minute)
    wait = context.purse.spend(f"events {key}", rate, min(max(count, 1), rates.event_burst), now=now)
    _refuse(wait, "More events than one key may bring.")


def by_address(request: Request) -> None:
    """Count one try to sign in from the request's address, whatever comes of it.

    Raises:
        Problem: 429.
    """
    context = context_of(request)
    rates = context.settings.signin.rate
    rate = Rate.per_minute(rates.signin_burst, rates.signin_per_minute)
    with context.database.system() as connection:
        now = context.clock.now()
        _count(connection, f"sign-in {_caller_of(request)}", rate, now, "Too many tries to sign in from this address.")


def by_account(request: Request, email: str) -> None:
    """Count one try to sign in as `email`, known or not, whatever comes of it.

    Those of one address alone: a recovery code bears 74 random bits, which no number of addresses guesses, and who
    knows somebody's e-mail shall not be able to shut them out from afar.

    Raises:
        Problem: 429.
    """
    context = context_of(request)
    rates = context.settings.signin.rate
    rate = Rate.per_minute(rates.account_burst, rates.account_per_minute)
    with context.database.system() as connection:
        now = context.clock.now()
        _count(
            connection,
            f"account {email} {_caller_of(request)}",
            rate,
            now,
            "Too many tries to sign in with this e-mail address.",
        )


def by_person(request: Request, connection: Connection, person: object, *, now: datetime) -> None:
    """Count one second factor shown by a person.

    Raises:
        Problem: 429.
    """
    rates = context_of(request).settings.signin.rate
    rate = Rate.per_minute(rates.stepup_burst, rates.stepup_per_minute)
    _count(connection, f"step-up {person}", rate, now, "Too many second factors shown.")


def _caller_of(request: Request) -> str:
    return _network(request.client.host) if request.client else "unknown"


def _network(host: str) -> str:
    """What one caller has of addresses: of IPv6 that is a /64, and not one of its 2^64 addresses."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if isinstance(address, IPv4Address):
        return str(address)
    return str(address.ipv4_mapped or ip_network((address, _OWN_BITS), strict=False))


def _count(connection: Connection, bucket: str, rate: Rate, now: datetime, what: str) -> None:
    _refuse(take(connection, bucket, rate, now=now), what)


def _refuse(wait: timedelta | None, what: str) -> None:
    if wait is None:
        return
    seconds = max(1, math.ceil(wait.total_seconds()))
    detail = f"{what} Nothing was done. Try again in {seconds} seconds."
    raise Problem(429, "rate.limited", detail, headers={"Retry-After": str(seconds)})
