"""Thresholds for failures of resets, verifications, callbacks and tokens, tuned on development worlds only."""

from typing import Annotated

from pydantic import BaseModel, Field

Share = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]


class FaultSettings(BaseModel):
    """When failures are too many of the tries, of one tenant or of many."""

    floor_share: Share = 0.03
    """Failing shares below this are taken as this: people mistype addresses everywhere."""
    prior_tries: Positive = 200
    """A tenant's share is drawn to that of all by this many tries."""
    min_failures: Count = 3
    min_ratio: Share = 0.3
    """Least share of the tries that fail. RUNBOOKS asks for 0.2 with twenty tries; with three it takes more."""
    min_lift: Positive = 3
    """Times the usual share (the ratio guard: proportional growth is a campaign)."""
    max_chance: Share = 1e-4
    """Chance of so many failures among so many tries at the usual share."""
    max_p_value: Share = 1e-2
    """Chance of so many failures in the window under the tenant's own history (negative binomial)."""
    floor_mean: Positive = 0.1
    """Failures an hour; 28 quiet days do not prove that the next failure is news."""
    floor_dispersion: Annotated[float, Field(gt=1)] = 1.2
    cold_factor: Positive = 2
    """Without seven days of history the least number is multiplied by this and no tail is asked."""
    everywhere_min_tenants: Count = 4
    """Source: DETECTION, 4 to 5."""
    everywhere_odds: Positive = 300
    """Odds for many tenants failing together against all failing as usual, the loudest one left out."""
    everywhere_shares: tuple[Share, ...] = (0.25, 0.5, 0.9)
    """What may fail in an outage."""
    everywhere_touched: Share = 0.5
    """A tenant's chance of being touched by one: half of them use another mail service."""
    everywhere_min_lift: Positive = 1.5
    shared_odds: Positive = 1e3
    """The same for resets and verifications taken together, which leave by one mail service."""
    shared_own_odds: Positive = 2
    """What the one kind must say by itself then: that it fails rather than not."""
    shared_min_failures: Count = 2
    high_ratio: Share = 0.25
    """Source: RUNBOOKS 2.2, 2.3 and 2.8: from a quarter of the tries on it is high."""
    high_min_tries: Count = 20
    """Of one tenant, in 15 minutes. Source: RUNBOOKS 2.2, N of attempts."""
    critical_min_tries: Count = 50
    """Tries of which none was completed. Source: RUNBOOKS 2.2 and 2.8."""
    own_min_failures: Count = 8
    own_floor_tries: Positive = 1
    own_volume_factor: Positive = 3
    """A tenant with so many times its usual tries has a cause of its own, whatever happens elsewhere."""
    own_ratio_factor: Positive = 4
    """So does one where so many times the share fails that fails elsewhere."""


class CallbackSettings(FaultSettings):
    """The same for callbacks of providers: fewer fail on a usual day, and six of six are decisive (DETECTION)."""

    floor_share: Share = 0.015
    min_ratio: Share = 0.2
    min_lift: Positive = 4
    max_chance: Share = 1e-5
    floor_mean: Positive = 0.05
    everywhere_odds: Positive = 100
    everywhere_shares: tuple[Share, ...] = (0.1, 0.25, 0.6)
    everywhere_touched: Share = 0.8
    """Whoever has people of that provider is touched."""
    own_floor_tries: Positive = 2
    high_share: Share = 0.25
    """A provider with so large a share of the tenant's sign-ins is high. Source: RUNBOOKS 2.3."""
    critical_ratio: Share = 0.9
    """So many of all callbacks failing, whatever the provider, is all external login. Judgement."""
    critical_min_tries: Count = 40
    """With fewer callbacks that cannot be told. Judgement."""


class TokenSettings(BaseModel):
    """When refused tokens are too many. Deploys make bumps of two to six times the usual (DETECTION)."""

    tenant_fold: Positive = 4
    """Times the usual number that a tenant's own bump must clearly exceed. Source: DETECTION."""
    everywhere_fold: Positive = 8
    """The same over all tenants, the largest left out. Source: DETECTION."""
    everywhere_benign_fold: Positive = 5
    """What a deploy's bump may well be: the chance of so many refusals is asked at this fold, for with few of them the
    fold alone says little."""
    floor_mean: Positive = 0.3
    """Refusals an hour taken as usual at the least, before the fold."""
    prior_tries: Positive = 200
    min_failures: Count = 5
    max_p_value: Share = 1e-4
    """Chance of a tenant's number if the fold were benign."""
    floor_dispersion: Annotated[float, Field(gt=1)] = 1.3
    everywhere_min_failures: Count = 6
    everywhere_min_tenants: Count = 4
    everywhere_max_p_value: Share = 3e-2
    """Chance of so many refusals if a deploy were the cause."""
    everywhere_dispersion: Annotated[float, Field(gt=1)] = 1.5
    lasting_fold: Positive = 3
    lasting_failures: Count = 3
    """So many times the usual, and so many, must lie more than five minutes back: a planned overlap of keys may take
    five (RUNBOOKS 2.4)."""
    elsewhere_fold: Positive = 6
    elsewhere_failures: Count = 3
    """While the other tenants' refusals rise by this much, a tenant's own are no news of its own."""
    high_fold: Positive = 30
    """Without accepted tokens to compare with, this many times the usual counts as a fifth of all. Judgement."""
    high_ratio: Share = 0.2
    """Refused share of one tenant's tokens from which on it is high. Source: RUNBOOKS 2.4."""
    critical_ratio: Share = 0.5
    """The same for critical."""
    cold_factor: Positive = 4
