"""Thresholds and cadence of detection.

Sources, as RUNBOOKS numbers them: S1 elastic/detection-rules (okta), S2 panther-labs standard rules. The
others are the reference study of DETECTION, or judgement, and say so.
"""

from typing import Annotated

from pydantic import BaseModel, Field

from spine.settings.entity import AdminSettings, LeakSettings, SessionSettings
from spine.settings.fault import CallbackSettings, FaultSettings, TokenSettings

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]


class BucketSettings(BaseModel):
    """The leaky bucket of failed logins that ingest keeps for every address of a tenant."""

    capacity_failures: Positive = 4
    """It overflows when its level exceeds this: at the fifth failure in quick succession. Source: fail2ban
    `maxretry = 5`."""
    leak_seconds: Positive = 120
    """One failure leaks away in this time: five in ten minutes. Source: fail2ban `findtime = 10m`."""
    min_users: Count = 4
    """An overflow by an address without a good past is stuffing from this many users on. Source: DETECTION."""
    machine_seconds: Positive = 5
    """Tries that follow each other faster than this on average are no human's typing. Judgement:
    the real sshd attackers of the study try every 2.2 s, people take 4 to 25 s."""


class TenantRatioSettings(BaseModel):
    """Rule (a): a tenant's failures and failure ratio, both against its own baseline, in 15 minutes."""

    min_failures: Count = 50
    min_baseline_factor: Positive = 4
    min_ratio: Share = 0.4
    min_ratio_baseline_factor: Positive = 2
    min_users: Count = 10
    min_active_user_share: Share = 0.001
    """At consumer scale this share of the active users must be hit as well."""


class StuffingSettings(BaseModel):
    """Rule (b): one address tries many users once or twice, in 15 minutes. Source: S1."""

    min_failures: Count = 25
    min_users: Count = 15
    max_failures_per_user: Count = 2


class SpraySettings(BaseModel):
    """Rule (c): few tries at each of several users. Source: S1."""

    min_users: Count = 5
    min_failures: Count = 15
    min_share_of_users: Share = 0.6
    """Share of the users that must have `min_tries` to `max_tries` failures."""
    min_tries: Count = 2
    max_tries: Count = 6
    max_failures_per_user: Count = 8
    min_span_minutes: Positive = 5
    distributed_min_addresses: Count = 5
    distributed_min_users: Count = 8
    distributed_min_failures: Count = 25
    distributed_max_failures_per_user: Count = 5
    distributed_min_baseline_factor: Positive = 4
    """Times the tenant's usual number of users that fail from unknown addresses. Judgement."""


class TargetedUserSettings(BaseModel):
    """Rule (d): one user from many addresses, in 30 minutes. Source: S1."""

    min_failures: Count = 10
    min_addresses: Count = 5
    min_countries: Count = 2
    min_asns: Count = 3
    many_addresses: Count = 8
    min_user_agents: Count = 3


class BruteForceSettings(BaseModel):
    """One user, tried again and again from one address without a good past."""

    min_failures_15m: Count = 15
    """Judgement: more than anybody mistypes."""
    min_failures_60m: Count = 20
    """Source: S2, 20 failures in an hour per address or user."""
    own_device_factor: Positive = 10
    """Times as many with the device that this user used last in this country: a client that retries a stale password.
    Judgement; who imitates it gets 200 tries an hour at one user, whom the identity provider locks long before."""


class UnknownUsersSettings(BaseModel):
    """The negative binomial tail of distinct users tried from addresses where nobody lives."""

    max_p_value: Share = 1e-5
    """Chance of so many users in one window under the tenant's own history. With some 100 windows a day that
    overlap little, one false alert in years per tenant, if the model fits."""
    min_users_15m: Count = 5
    min_users_1h: Count = 6
    min_users_6h: Count = 7
    min_users_24h: Count = 10
    min_ratio: Positive = 3
    """Times the usual number (the ratio guard: proportional growth is no attack)."""
    floor_mean: Positive = 0.1
    """A mean below this is taken as this: 28 quiet days do not prove that the next user is an attack."""
    floor_dispersion: Annotated[float, Field(gt=1)] = 1.1
    """Least variance/mean believed. Totals of failures have 5 to 193 (DETECTION); distinct users from unknown
    addresses came out at 1.0 to 1.3 on the development worlds."""
    cold_factor: Positive = 2
    """Without seven days of history the least numbers are multiplied by this and stand alone."""


class SeveritySettings(BaseModel):
    """The ladder of RUNBOOKS 2.1."""

    high_baseline_factor: Positive = 10
    high_users: Count = 100
    high_tenants: Count = 3
    critical_compromised_users: Count = 5
    """Users who logged in from an attacking address after its failures."""
    critical_legitimate_success: Share = 0.9
    """Success of addresses with a good past, as a share of its baseline."""
    min_legitimate: Count = 30


class EpisodeSettings(BaseModel):
    """When findings are one incident, and when it is over."""

    quiet_minutes: Positive = 120
    """An unattended incident ends after this long without a finding, if events went on arriving."""
    reopen_hours: Positive = 24
    """A new incident this soon after the last one's end links it."""
    max_addresses: Count = 10_000
    """Addresses and users kept in an incident's summary; beyond it they are only counted."""


class DetectSettings(BaseModel):
    """When a detector fires. Defaults: RUNBOOKS 2.1 and the reference study of DETECTION."""

    interval_seconds: float = 30
    """How often the detect flow is scheduled (5 s at the least)."""
    stale_after_intervals: float = 3
    """A scheduled run older than this many intervals is catch-up after downtime and does nothing."""
    min_history_days: float = 7
    """Under this only absolute floors apply. Source: RUNBOOKS 0."""
    bucket: BucketSettings = BucketSettings()
    tenant_ratio: TenantRatioSettings = TenantRatioSettings()
    stuffing: StuffingSettings = StuffingSettings()
    spray: SpraySettings = SpraySettings()
    targeted_user: TargetedUserSettings = TargetedUserSettings()
    brute_force: BruteForceSettings = BruteForceSettings()
    unknown_users: UnknownUsersSettings = UnknownUsersSettings()
    leak: LeakSettings = LeakSettings()
    session: SessionSettings = SessionSettings()
    admin: AdminSettings = AdminSettings()
    resets: FaultSettings = FaultSettings()
    verifications: FaultSettings = FaultSettings()
    callbacks: CallbackSettings = CallbackSettings()
    tokens: TokenSettings = TokenSettings()
    severity: SeveritySettings = SeveritySettings()
    episode: EpisodeSettings = EpisodeSettings()
