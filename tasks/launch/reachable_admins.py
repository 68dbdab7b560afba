"""reachable_admins: at least two people can decide what is critical, and can be called."""

from sqlalchemy import Connection

from spine.diagnostic import Answer, Check, State
from spine.launch import APPROVERS, Item
from spine.person import Person
from store import contacts, people
from tasks.calling import usable
from tasks.launch import LaunchCheck, Ports

_DO = "add people (`opsspine people add`), let them set up a second factor, and note a way to reach them"


async def run(ports: Ports) -> Answer:
    """Count who may decide here, has a second factor, and has a way that is set up."""
    found = await ports.read(lambda connection: _deciders(connection, ports))
    ready = sorted(email for email, lacks in found.items() if not lacks)
    lacking = "; ".join(f"{email} has {lacks}" for email, lacks in sorted(found.items()) if lacks)
    wanted = ports.settings.launch.admins
    enough = len(ready) >= wanted
    because = f"{len(ready)} of {wanted} administrators are reachable with a second factor"
    if lacking:
        because += f" ({lacking})"
    state = State.OK if enough else State.BAD
    told = because if enough else f"{because}: what takes two people, nobody can decide; {_DO}"
    check = Check("administrators", state, told, {"reachable": len(ready), "lacking": len(found) - len(ready)})
    return Answer(CHECK.item.key, (check,), (ports.receipt("people who decide", sorted(found.items())),))


def _deciders(connection: Connection, ports: Ports) -> dict[str, str]:
    """Who may decide what is critical in this tenant, and what each of them lacks; "" = nothing."""
    return {
        person.email: _lacks(connection, person, ports)
        for person in people.everybody(connection)
        if APPROVERS & person.roles_in(ports.tenant)
    }


def _lacks(connection: Connection, person: Person, ports: Ports) -> str:
    ways = [one for one in contacts.of_person(connection, person) if usable(one.channel, ports.settings)]
    missing = [] if person.enrolled else ["no second factor"]
    missing += [] if ways else ["no way to be reached"]
    return " and ".join(missing)


CHECK = LaunchCheck(
    item=Item(key="reachable_admins", title="Two administrators can be reached"),
    run=run,
    looks_at="People who may decide what is critical, with a second factor and a way to call them that is set up.",
)
