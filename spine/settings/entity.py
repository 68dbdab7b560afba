"""When few events are an incident: of one user, one administrator, or one tenant's isolation.

Sources: RUNBOOKS 2.5 to 2.7 and the reference study of DETECTION; the bits were set on the development worlds.
"""

from typing import Annotated

from pydantic import BaseModel, Field

Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]


class LeakSettings(BaseModel):
    """Accesses across tenants in 6 hours. One that was let through is enough, whatever stands here."""

    min_violations: Count = 2
    min_users: Count = 2
    """So many users, or `min_foreign_tenants`. One user into one tenant is a stale link. Source: DETECTION."""
    min_foreign_tenants: Count = 2
    min_failed_probes: Count = 2
    """Source: RUNBOOKS 2.5, "probe fails twice"."""


class SessionSettings(BaseModel):
    """Sessions that cannot all be one user's own."""

    max_km_per_hour: Positive = 900
    """An airliner's. Source: Panther's standard rules, DETECTION."""
    min_km: Positive = 500
    """Centroids of neighbours err by hundreds of kilometres. Source: RUNBOOKS 2.6."""
    travel_hours: Annotated[float, Field(gt=0, le=6)] = 6
    """Places further back say nothing: after six hours an airliner has been anywhere. The frames hold six."""
    least_gap_minutes: Positive = 1
    """Events closer together count as this far apart: clocks differ."""
    flood_sessions: Count = 10
    """In 40 minutes. Source: DETECTION."""
    flood_addresses: Count = 2
    high_signals: Count = 2
    """Ways in which one user's sessions are odd. Source, as of the next two: RUNBOOKS 2.6."""
    high_users: Count = 10
    critical_users: Count = 50
    max_reuse_seconds: Positive = 30
    """A refresh that is tried again sooner is a retry that lost a race. Source, as of the next three: RUNBOOKS 2.6."""
    many_devices: Count = 4
    """Of one session, within the hour."""
    many_devices_addresses: Count = 2
    guessed_ids: Annotated[int, Field(ge=10)] = 50
    """Unknown session ids from one address in 5 minutes. The frames hold ten and more."""


class AdminSettings(BaseModel):
    """The surprise of an administrator's login, in bits: each bit halves the chance of the login by the habits of that
    administrator. Caps keep one part from deciding alone."""

    min_bits: Positive = 8.5
    """On the development worlds trips with the own device came to 8.0 at the most, break-ins to 9.2 at the least."""
    high_bits: Positive = 12
    """From here on severity is high. Judgement: two parts more than it takes to fire."""
    min_logins: Count = 5
    """Under so many earlier logins there are no habits to break. Judgement."""
    capped_logins: Count = 10
    """Under so many the severity is medium at the most. Source: RUNBOOKS 2.7."""
    most_country_bits: Positive = 5
    most_agent_bits: Positive = 5
    most_address_bits: Positive = 2
    """Phones change addresses all the time."""
    most_hour_bits: Positive = 1
    """Odd hours alone are useless. Source: DETECTION."""
    most_failure_bits: Positive = 5
    """Failures of this user from this address in the hour: 31 of them."""
    travel_bits: Positive = 3
    """Added when a new country is too far from the last place: no airliner is as fast as `max_km_per_hour`."""
    foreign_agent_bits: Positive = 2
    """From here on a device counts as another one, which alone can travel; the usual one may be behind a VPN."""
    max_km_per_hour: Positive = 900
    min_km: Positive = 500
    denied_pushes: Annotated[int, Field(ge=2)] = 5
    """In 10 minutes. Source, as of the next two: RUNBOOKS 2.7."""
    deleted_admins: Annotated[int, Field(ge=2)] = 2
    """Within 10 minutes of an invitation, by the same administrator."""
    critical_admins: Count = 2
    """So many at once; or one who changes something within 30 minutes. Source: RUNBOOKS 2.7."""
