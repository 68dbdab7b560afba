"""Votes on approvals: written once for each person, and counted while whoever gave them may still give them."""

from collections.abc import Sequence

from sqlalchemy import Connection, text

from spine import approval as rules
from spine.approval import Approval, Ballot
from store import people


def cast(connection: Connection, approval: Approval, ballot: Ballot) -> None:
    """Write a vote down; one person has one."""
    connection.execute(
        text(
            "insert into approval_votes(approval_id, tenant_id, person_id, vote, via, account, stepped_up, reason, at)"
            " values(:id, :tenant, :person, :vote, :via, :account, :stepped_up, :reason, :at)"
        ),
        {
            "id": approval.id, "tenant": approval.tenant_id, "person": ballot.person_id, "vote": ballot.vote,
            "via": ballot.via, "account": ballot.account, "stepped_up": ballot.stepped_up, "reason": ballot.reason,
            "at": ballot.at,
        },
    )  # fmt: skip


def standing(connection: Connection, approval: Approval, ballots: Sequence[Ballot]) -> list[Ballot]:
    """The votes of who may still give them: somebody may have lost their roles, or been disabled, since.

    Who stands in for people in a drill is gone as soon as they voted, and nothing real hangs on their word.
    """
    if approval.synthetic:
        return list(ballots)
    found = [(ballot, people.get(connection, ballot.person_id)) for ballot in ballots]
    return [
        ballot
        for ballot, person in found
        if person is not None and rules.refusal(approval, person, ballot.vote, ()) is None
    ]
