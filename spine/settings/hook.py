"""Settings of plug-ins that listen in (spine/hook.py)."""

from pydantic import BaseModel, Field


class HookSettings(BaseModel):
    """Plug-ins of the group `opsspine.hooks`."""

    timeout_seconds: float = Field(default=2, gt=0, le=30)
    """How long one plug-in may take for one call; then the spine goes on without it."""
    most_hangs: int = Field(default=3, ge=1)
    """A plug-in that hung so often is not called any more by that process."""
    required: list[str] = []
    """Plug-ins (by the name of their entry point) without whose word no action runs: one that is not installed, raises
    or hangs in `before_action` counts as a veto. Of all others such a call counts as silence."""
