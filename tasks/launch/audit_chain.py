"""audit_chain: every hash of the audit trail, from the first entry on."""

from sqlalchemy import Connection

from spine.audit import BadEntry
from spine.checkpoint import read
from spine.diagnostic import Answer, Check, State
from spine.ids import TenantId
from spine.launch import Item
from store import audit
from store.secrets import Vault
from tasks.checkpointing import checkpoints_file
from tasks.launch import LaunchCheck, Ports


async def run(ports: Ports) -> Answer:
    """Recompute all chains, and hold their ends against the signed checkpoints."""
    note = checkpoints_file(ports.settings)
    known = read(note.read_text(encoding="utf-8"), Vault.of(ports.settings).signing_key().public_key()) if (
        note.exists()
    ) else []  # fmt: skip

    def look(connection: Connection) -> dict[TenantId, BadEntry | None]:
        return audit.verify_all(connection, None, [one.head for one in known])

    chains = await ports.read(look)
    bad = [str(one) for one in chains.values() if one]
    because = (
        f"{bad[0]}; keep the database as it is, it is evidence, and run `opsspine audit verify`" if bad
        else f"{len(chains)} chains hold together, {len(known)} checkpoints agree"
    )  # fmt: skip
    checks = [Check("chains", State.BAD if bad else State.OK, because, {"chains": len(chains), "bad": len(bad)})]
    if not known:
        told = "no checkpoint shows where the chains stood before; run `opsspine audit checkpoint`, copy it elsewhere"
        checks.append(Check("checkpoints", State.UNKNOWN, told))
    return Answer(CHECK.item.key, tuple(checks), (ports.receipt("every chain of the audit trail", sorted(chains)),))


CHECK = LaunchCheck(
    item=Item(key="audit_chain", title="The audit trail is whole"),
    run=run,
    looks_at="Every hash of every chain, and signed checkpoints of where they stood.",
)
