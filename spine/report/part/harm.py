"""Harm: how many were affected, by the incident and by what was done about it. Counts, and never who."""

from spine.audit import AuditAction
from spine.report.account import Account
from spine.report.citation import Entry
from spine.report.fact import Fact
from spine.report.model import Passage, Section
from spine.report.term import Heading
from spine.report.word import many

_COUNTED = (
    ("users", "user was", "users were", "concerned"),
    ("compromised", "user", "users", "got in from an attacking address, and may not have been themselves"),
    ("tenants", "tenant was", "tenants were", "touched"),
)


def harm(account: Account) -> Section:
    """By the incident, by the response as it was foreseen, and by the response as it was measured."""
    facts = [*_suffered(account), *_foreseen(account), *_measured(account)]
    if not facts:
        facts = [Fact("Nobody is known to have been affected: nothing was counted.", (account.latest,))]
    return Section(Heading.HARM, (Passage(tuple(facts), listed=True),))


def _suffered(account: Account) -> list[Fact]:
    entry = account.counted
    return [
        Fact(f"{many(int(entry.told(name)), one, more)} {what}.", (entry,))
        for name, one, more, what in _COUNTED
        if entry.told(name) is not None
    ]


def _foreseen(account: Account) -> list[Fact]:
    """What the plans expected to hit."""
    facts = []
    for plan in account.decisions:
        entry = account.decided(plan)
        for step in plan.steps if entry else ():
            if step.blast_radius and entry:
                blast = step.blast_radius
                text = (
                    f"{step.action_key} was expected to hit {blast.legitimate_hit:,} of {blast.legitimate_events:,} "
                    f"legitimate {blast.noun}, of {many(blast.legitimate_users_hit, 'user')}."
                )
                facts.append(Fact(text, (entry,)))
    return facts


def _measured(account: Account) -> list[Fact]:
    """What verification saw of people who did nothing wrong."""
    found = account.of(AuditAction.VERIFICATION_COMPLETED)
    return [*(_success(found[-1]) + _captcha(found[-1]))] if found else []


def _success(entry: Entry) -> list[Fact]:
    attempts, rate = entry.told("legitimate_attempts"), entry.told("legitimate_success_rate")
    if not attempts or rate is None:
        return [Fact("Too few legitimate attempts were seen after the effect to measure harm.", (entry,))]
    return [
        Fact(f"While it was in force {float(rate):.1%} of {int(attempts):,} legitimate attempts succeeded.", (entry,))
    ]


def _captcha(entry: Entry) -> list[Fact]:
    asked, gave_up = entry.told("captcha_asked"), entry.told("captcha_gave_up")
    if not asked:
        return []
    return [Fact(f"{int(gave_up or 0):,} of {int(asked):,} known people gave up at the captcha.", (entry,))]
