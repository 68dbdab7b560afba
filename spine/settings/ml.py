"""Settings of ranking and triage. They order lists and are shown; nothing here changes what is done."""

from pydantic import BaseModel, Field


class MlSettings(BaseModel):
    """The models, how they are made anew, and when they are doubted."""

    enabled: bool = True
    """Off: no incident is scored, and every list has the deterministic order."""
    history_days: float = Field(default=400, gt=0)
    """How far back labelled incidents are learnt from."""
    retrain_hours: float = Field(default=168, ge=1)
    """How often a challenger is trained, and the drift of the features is looked at."""
    min_new_labels: int = Field(default=20, ge=1)
    """So many labelled incidents must have come since the last model, or none is trained."""
    min_gain_ndcg: float = Field(default=0.01, ge=0, le=1)
    """A challenger is better when it orders held-out queues better by this, and its probabilities are no worse."""
    promote_better: bool = False
    """Put a better challenger to use at once. Off: it waits for `opsspine ml promote`."""
    drift_days: float = Field(default=28, gt=0)
    """Openings of these days are held against those a model learnt from."""
    drift_min_openings: int = Field(default=30, ge=2)
    """With fewer, drift cannot be told."""
    max_stability_index: float = Field(default=0.25, gt=0)
    """Population stability index from which on a feature counts as shifted. Source: Siddiqi, 2006."""
