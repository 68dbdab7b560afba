"""What a probe that failed says about the thing it probed: most often nothing."""

from spine.diagnostic import Check, State
from spine.errors import OpsSpineError, Refused
from tasks.diagnostics.probe.guard import CERTIFICATE


def failed(name: str, error: OpsSpineError) -> Check:
    """UNKNOWN, with the reason; BAD only where the failure is itself the observation: a false certificate."""
    seen = isinstance(error, Refused) and error.code == CERTIFICATE
    return Check(name, State.BAD if seen else State.UNKNOWN, str(error))
