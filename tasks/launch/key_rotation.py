"""key_rotation: rotation of signing keys was rehearsed lately, and every verifier holds the keys of today."""

from spine.diagnostic import Answer
from spine.incident import IncidentKind
from spine.launch import Item
from store import drills
from tasks.launch import LaunchCheck, Ports, fresh, together


async def run(ports: Ports) -> Answer:
    """The last passed drill of token faults, and the key sets of origin and verifiers side by side."""
    last = (await ports.read(drills.last_passed)).get(IncidentKind.JWT_VALIDATION_ERRORS)
    rehearsed = fresh(
        "rehearsal", "a passed drill of jwt_validation_errors", last, ports.clock.now(),
        ports.settings.launch.drill_days, "run `opsspine drill jwt_validation_errors`",
    )  # fmt: skip
    own = Answer(CHECK.item.key, (rehearsed,), (ports.receipt("drills of jwt_validation_errors", last),))
    return together(CHECK.item.key, own, await ports.diagnosed("jwks_comparison"))


CHECK = LaunchCheck(
    item=Item(key="key_rotation", title="Rotation of signing keys is rehearsed", waivable=False),
    run=run,
    looks_at="A passed drill of jwt_validation_errors within 30 days; the key sets at the origin and at each verifier.",
)
