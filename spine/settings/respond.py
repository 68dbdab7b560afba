"""Settings of decision, policy, approval and verification."""

from pydantic import BaseModel, Field


class DecisionSettings(BaseModel):
    """What the engine proposes."""

    automatic_confidence: float = 0.8
    propose_confidence: float = 0.5
    plan_minutes: float = 15
    """A plan, and the approval of it, is void after this."""
    max_plans: int = 3
    """Plans tried on one incident, each stronger than the one that was not enough; then people take over."""
    full_margin: float = Field(default=2, gt=0)
    """A finding this many times over its line counts fully for confidence. Judgement."""
    full_signals: int = Field(default=3, gt=0)
    """So many detectors that fire count fully. Judgement."""
    full_sample: int = Field(default=50, gt=0)
    """So many events in a finding count fully. Source: RUNBOOKS 2.1 (a)."""


class PolicySettings(BaseModel):
    """What an operator may say about actions; the policy matrix itself is in spine/policy.py."""

    version: str = "2026-11"
    min_ttl_seconds: float | None = Field(default=None, gt=0)
    """Lets leases be shorter than their action's lower bound; it cannot lengthen that bound."""
    max_ttl_seconds: float | None = Field(default=None, gt=0)
    """No lease holds longer than this; it cannot lengthen an action's upper bound."""
    ttl_seconds: dict[str, float] = {}
    """How long an action holds by default, by its key, as {"ip.throttle": 600}; kept within bounds."""
    allowlist: list[str] = []
    """Networks (CIDR) that are never acted against: offices, partners, monitoring."""
    own_networks: list[str] = ["127.0.0.0/8", "::1/128"]
    """Where the spine and the application itself come from."""
    probe_networks: list[str] = []
    """Where synthetic checks come from."""
    captcha_provider: str = ""
    """The application's captcha provider; "" = none, and captcha.require is refused."""
    captcha_accessible: bool = False
    """True when people who cannot solve the captcha have another way in."""
    email_secondary: str = ""
    """The mail provider to fail over to; "" = none, and email.failover is refused."""
    email_secondary_ready: bool = False
    """True when SPF, DKIM and DMARC of the secondary align with the sender's domain and a canary was delivered."""
    link_minutes: dict[str, float] = {}
    """How long links live now, as {"reset": 20, "verification": 1440}; token.ttl_set needs to know."""
    oauth_known_good: dict[str, str] = {}
    """Version of each provider's configuration whose synthetic flow passed, as {"google": "v41"}; oauth.config_rollback
    goes back to no other."""
    former_kids: list[str] = []
    """Signing keys (kid) that were trusted before and are not tainted: jwt.kid_overlap accepts no other again."""
    compromised_kids: list[str] = []
    """Signing keys that must never be accepted again."""
    release_minutes: float = Field(default=30, gt=0)
    """Containment ends when a second person says so within this time of the first. Source: RUNBOOKS 2.5 (two persons);
    the time is judgement."""
    origin_headroom: float | None = Field(default=None, ge=0, le=1)
    """What the origin could serve on top of today's peak, as a share of its capacity; unset = unknown, and
    cache.disable_shared is refused."""


class ApprovalSettings(BaseModel):
    """How approvals are asked for and proven."""

    stepup_attempts: int = 5
    """Wrong codes allowed per person within `stepup_window_minutes`; then refused without a look."""
    stepup_window_minutes: float = 10


class VerifySettings(BaseModel):
    """When a mitigation counts as having worked."""

    settle_minutes: float = 10
    """By when, after the effect, failures must be under the limit."""
    window_minutes: float = Field(default=5, gt=0)
    """Failures are counted over windows of this length (never longer than the hold)."""
    hold_minutes: float = 15
    """How long they must stay there."""
    min_legitimate: int = 30
    """Legitimate attempts needed for a verdict on harm."""
    max_success_drop: float = 0.05
    """Fall of the legitimate success rate that counts as harm (0.05 = 5 percentage points)."""
    max_captcha_abandoned: float = Field(default=0.15, ge=0, le=1)
    """Share of known people who are asked for a captcha and may give up; more is harm. Source: RUNBOOKS 2.1."""
    max_failures_floor_per_5m: float = 10
    baseline_factor: float = 1.5
    reset_hold_minutes: float = Field(default=30, gt=0)
    """How long mails of password resets must go well. Source: RUNBOOKS 2.2."""
    verification_hold_minutes: float = Field(default=60, gt=0)
    """The same of mails that verify an address. Source: RUNBOOKS 2.8."""
    min_delivered: float = Field(default=0.97, ge=0, le=1)
    """Share of the mails that must arrive. Source: RUNBOOKS 2.2, 2.8."""
    min_completed_of_usual: float = Field(default=0.9, ge=0, le=1)
    """Share of the mails whose reset or verification is completed, as a part of what is usual. Source: RUNBOOKS 2.2."""
    max_bounced: float = Field(default=0.05, ge=0, le=1)
    """Share of the mails that may bounce; more is harm. Source: RUNBOOKS 2.2 (S9)."""
    max_complained: float = Field(default=0.001, ge=0, le=1)
    """Share of the mails that may be complained of; more is harm. Source: RUNBOOKS 2.2 (S9)."""
    max_callback_points: float = Field(default=0.02, ge=0, le=1)
    """Share of the callbacks that may fail beyond what is usual. Source: RUNBOOKS 2.3."""
    min_callbacks: int = Field(default=20, ge=1)
    """Callbacks needed to judge that share. Source: RUNBOOKS 2.3."""
    max_relapse_lower_bound: float = Field(default=0.15, ge=0, le=1)
    """Lower bound of the share that fails among those who are let go first; from it on everybody is held again.
    Source: RUNBOOKS 2.3, Rollback."""
    token_hold_minutes: float = Field(default=10, gt=0)
    """How long tokens must be accepted again. Source: RUNBOOKS 2.4."""
    min_tokens: int = Field(default=100, ge=1)
    """Tokens needed to judge their share. Source: RUNBOOKS 2.4."""
    max_tokens_refused: float = Field(default=0.05, ge=0, le=1)
    """Share of the tokens that may be refused, where more is not usual. Source: RUNBOOKS 2.4, Fire."""
    min_mails: int = Field(default=30, ge=1)
    """Mails needed to judge a share of them. Source: RUNBOOKS 2.2."""
    min_mails_for_complaints: int = Field(default=1000, ge=1)
    """Mails needed to judge complaints: one of a thousand is their limit. Judgement."""
