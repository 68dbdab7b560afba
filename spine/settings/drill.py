"""Settings of drills: how long one counts, and how patient it is."""

from pydantic import BaseModel, Field

from spine.settings.respond import VerifySettings


class DrillSettings(BaseModel):
    """Rehearsals of runbooks: `opsspine drill`."""

    fresh_days: float = Field(default=90, gt=0)
    """A runbook that may propose a high or critical action, and whose last passed drill is older than this, does
    nothing automatically any more: its steps wait for approval. Source: RUNBOOKS 5 (untested kill switches)."""
    timeout_seconds: float = Field(default=300, gt=0)
    """A drill that takes longer has failed, the time people take for an answer excepted. Judgement."""
    settle_seconds: float = Field(default=20, gt=0)
    """By when failures must be under the limit after the effect. Drills see in seconds what takes minutes."""
    window_seconds: float = Field(default=3, gt=0)
    hold_seconds: float = Field(default=6, gt=0)
    min_legitimate: int = 3

    @property
    def verify(self) -> VerifySettings:
        """Verification at a drill's pace: one failure a window is let pass."""
        return VerifySettings(
            settle_minutes=self.settle_seconds / 60,
            window_minutes=self.window_seconds / 60,
            hold_minutes=self.hold_seconds / 60,
            reset_hold_minutes=self.hold_seconds / 60,
            verification_hold_minutes=self.hold_seconds / 60,
            min_legitimate=self.min_legitimate,
            min_mails=self.min_legitimate,
            min_callbacks=self.min_legitimate,
            min_tokens=self.min_legitimate,
            token_hold_minutes=self.hold_seconds / 60,
            max_failures_floor_per_5m=300 / self.window_seconds,
        )
