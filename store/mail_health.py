"""Whether the tenant's mails arrive: what their events of the last day say."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from spine.attribute import RESETS, VERIFICATION
from spine.detect.subject import EVERYWHERE
from spine.event_type import EventType
from spine.identity import MailHealth
from spine.ids import TenantId

_LOOK_BACK = timedelta(hours=24)
_ARRIVED = (EventType.PASSWORD_RESET_DELIVERED.value, EventType.EMAIL_VERIFICATION_DELIVERED.value)
_LOST = (EventType.PASSWORD_RESET_UNDELIVERED.value, EventType.EMAIL_VERIFICATION_UNDELIVERED.value)
_COUNT = text("""
    select count(*) filter (where type = any(:arrived)) as arrived, count(*) filter (where type = any(:lost)) as lost
    from auth_ops_logs
    where tenant_id = :tenant and occurred_at >= :since and occurred_at < :until and not synthetic
      and type = any(:types)
""")
_OPEN = text("""
    select exists(
        select from incidents
        where (tenant_id = :tenant or subject = :everywhere or subject like :everywhere || '/%')
          and kind = any(:kinds) and status <> 'resolved' and not synthetic)
""")


def mail_health(connection: Connection, tenant: TenantId, now: datetime) -> MailHealth:
    """Mails of resets and verifications in the 24 hours before `now`, drills left out."""
    values = {"tenant": tenant, "since": now - _LOOK_BACK, "until": now, "arrived": list(_ARRIVED), "lost": list(_LOST)}
    counted = connection.execute(_COUNT, {**values, "types": [*_ARRIVED, *_LOST]}).one()
    kinds = [RESETS.value, VERIFICATION.value]
    opened = connection.execute(_OPEN, {"tenant": tenant, "everywhere": EVERYWHERE, "kinds": kinds}).scalar_one()
    return MailHealth(delivered=counted.arrived, failed=counted.lost, incident=bool(opened))
