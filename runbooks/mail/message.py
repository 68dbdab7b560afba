"""What the administrators of a tenant are told of failing mails and links."""

from runbooks.mail.stream import Stream
from spine.detect.subject import is_everybody
from spine.incident import Incident
from spine.outlook import following, impact, way_back
from spine.plan import Decision


def tell_admins(incident: Incident, decision: Decision, stream: Stream) -> str:
    """Effect, the decision that is needed, when it is undone."""
    whose = "many tenants" if is_everybody(incident.subject) else incident.tenant_id
    return (
        f"Failing {stream.noun} of {whose}: {impact(decision)}. "
        f"Plan: {', '.join(s.action_key for s in decision.steps) or 'none'}. "
        f"Needed: {following(decision)}. {way_back(decision)} Mails that were sent stay sent."
    )
