"""The diagnosis of failing mails and links, and its rival hypotheses."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

from runbooks.mail.cause import Cause, Judged, bad_checks, disbelief, judge, of_links, top_domain
from runbooks.mail.ladder import failover_helps
from runbooks.mail.number import numbers, top_cohort
from runbooks.mail.smtp import Why
from runbooks.mail.stream import Stream
from runbooks.remedy import uncured
from spine.case import Case, Confounder, Diagnosis
from spine.diagnostic import Check, State
from spine.plain import clean, cut
from spine.plan import Hypothesis

_NAME = 60
"""Characters of a name that are shown."""
_NOTABLE = 0.25
"""Share of the evidence from which on a harmless cause is told. Judgement."""
_YOUNG = timedelta(minutes=10)
"""A mail that was put off may yet arrive. Source: RUNBOOKS 2.2, matured 10 min."""
_UNASKED, _AGREES, _DISAGREES = 0.8, 1.0, 0.4
"""How far events are believed when no diagnostic speaks of the cause, when one agrees, and when one does not."""
_MENDED_BY_HAND = {
    Cause.ACCEPTED: "links that had to be refused are accepted: close that hole by hand, first of all",
    Cause.KEY: "links are signed with one key and checked with another: put the former key back, or accept both",
    Cause.SKEW: "clocks disagree: see which one NTP has lost",
    Cause.LINKS: "good links are refused: look at the release, the link's host and how long links live",
    Cause.DOMAIN: "one recipient domain takes no mail: a ticket for its postmaster, everybody else gets theirs",
    Cause.UNKNOWN: "no event says why it fails: somebody must look",
}


def diagnosed(case: Case, stream: Stream) -> Diagnosis:
    """What is wrong, how sure that is, and what could not be known."""
    judged = judge(case, stream)
    n = numbers(case, judged, stream)
    confirmation, because = _confirmation(case, judged)
    beyond = _beyond(case, judged, stream)
    return Diagnosis(
        attack_class=judged.cause.value,
        summary=_summary(judged, n, stream),
        confirmation=confirmation,
        confirmed_by=because,
        confounders=_confounders(case, judged),
        missing=(*_missing(case, judged, stream, n), *uncured(beyond)),
        unsuppressible=judged.accepted_badly > 0,
        numbers=n,
        beyond=beyond,
    )


def rivals(case: Case, found: Diagnosis, stream: Stream) -> Sequence[Hypothesis]:
    """The service, the records, the links, and whoever only makes it look so."""
    judged = judge(case, stream)
    n, lost = found.numbers, judged.reading.lost
    reasons = {one: int((lost["why"] == one.value).sum()) for one in Why}
    arrived = (f"{n['arrived']:.0f} people got their mail",) if n["arrived"] else ()
    disbelieved, smtp = _said(disbelief(case)), _said(bad_checks(case, "smtp_starttls"))
    odd = _said((*bad_checks(case, "tls_expiry"), *bad_checks(case, "clock_skew")))
    refused = (f"{n['links_refused']:.0f} links were refused, {n['wrong_key']:.0f} for their key",)
    return (
        Hypothesis(
            cause="the mail service fails",
            for_=(*_counted(reasons[Why.SERVICE], "mails failed on the way"), *smtp),
            against=(*arrived, *refused) if n["links_refused"] else arrived,
        ),
        Hypothesis(
            cause="receivers do not believe our mail (SPF, DKIM, DMARC)",
            for_=(*_counted(reasons[Why.DISBELIEVED], "mails were refused by policy"), *disbelieved),
            against=("SPF, DKIM and DMARC are in order",) if case.state("mail_dns") is State.OK else (),
        ),
        Hypothesis(
            cause="links are made or checked wrongly",
            for_=(*refused, *odd) if n["links_refused"] else odd,
            against=() if n["links_refused"] else ("no good link was refused",),
        ),
        Hypothesis(
            cause="nothing is broken: bots, mistyped addresses, older links, one recipient domain",
            for_=(
                *_counted(reasons[Why.ADDRESS] + reasons[Why.MAILBOX], "mails went to addresses that take none"),
                *_counted(int(n.get("throw_away_addresses", 0)), "mails went to throw-away addresses"),
                *_counted(len(judged.reading.harmless), "links were refused rightly"),
                *_abused(judged),
                *(c.because for c in found.confounders),
            ),
        ),
    )


def _summary(judged: Judged, n: dict[str, float], stream: Stream) -> str:
    domain, most = top_domain(judged.reading.lost)
    where = f", {most} of them at {_named(domain)}" if judged.cause is Cause.DOMAIN else ""
    cohort, n_cohort = top_cohort(judged.reading)
    whose = f", {n_cohort} of them of cohort {_named(cohort)}" if cohort else ""
    return (
        f"{judged.cause.value}: {n['lost']:.0f} people's mails were lost{where}, {n['arrived']:.0f} people's arrived; "
        f"{n['links_refused']:.0f} links were refused; {n['blocked_users']:.0f} people wait for {stream.noun}{whose}"
    )


def _named(text: str) -> str:
    """A name from outside, for the summary."""
    return cut(clean(text), _NAME)


def _said(checks: Iterable[Check]) -> tuple[str, ...]:
    return tuple(f"{check.name}: {check.because}" for check in checks)


def _abused(judged: Judged) -> tuple[str, ...]:
    abuse = judged.abuse
    if not abuse.proven:
        return ()
    return (f"{abuse.per_user} requests for one user, {abuse.per_address} users of one address ask for resets",)


def _counted(n: int, what: str) -> tuple[str, ...]:
    return (f"{n} {what}",) if n else ()


def _confirmation(case: Case, judged: Judged) -> tuple[float, str]:
    """How far events and diagnostics bear the cause out."""
    share, cause = judged.share, judged.cause
    told = f"{share:.0%} of what failed is explained by it"
    if cause is Cause.UNKNOWN:
        return 0.0, "no event says why it failed"
    agreeing = {
        Cause.DNS: [c.name for c in disbelief(case)],
        Cause.SERVICE: [c.name for c in bad_checks(case, "smtp_starttls")],
        Cause.SKEW: [c.name for c in bad_checks(case, "clock_skew")],
    }.get(cause, [])
    if agreeing:
        return _AGREES * share, f"{told}; {', '.join(agreeing)} {'says' if len(agreeing) == 1 else 'say'} so, too"
    if cause is Cause.DNS and case.state("mail_dns") is State.OK:
        return _DISAGREES * share, f"{told}; but SPF, DKIM and DMARC are in order"
    return _UNASKED * share, told


def _confounders(case: Case, judged: Judged) -> tuple[Confounder, ...]:
    """Harmless causes, with the share of the evidence that speaks for them. Source: RUNBOOKS 2.2 and 2.8, Not."""
    reading = judged.reading
    whole = max(reading.failures, 1)
    scanned = int(reading.harmless["scanner"].sum())
    older = 0 if judged.cause is Cause.ABUSE else len(reading.harmless) - scanned
    put_off = reading.lost[reading.lost["why"] == Why.PUT_OFF.value]
    young = int((put_off["at"] > case.now - _YOUNG).sum())
    after_all = reading.recovered / max(reading.recovered + len(reading.lost), 1)
    shares = (
        ("older links", 0.4, older / whole, "of what failed are links that a newer mail replaced, or opened twice"),
        ("scanners", 0.4, scanned / whole, "of what failed are links that a mail scanner opened"),
        ("greylisting", 0.3, after_all, "of the mails that were put off or reported lost arrived after all"),
        ("too early", 0.2, young / whole, "of what failed was put off less than ten minutes ago and may yet arrive"),
    )
    return tuple(
        Confounder(name=name, weight=most * share, because=f"{share:.0%} {because}")
        for name, most, share, because in shares
        if share >= _NOTABLE
    )


def _missing(case: Case, judged: Judged, stream: Stream, n: dict[str, float]) -> tuple[str, ...]:
    if not case.readable:
        return ()
    reading, found = judged.reading, []
    if not len(reading.of("delivered", "undelivered")):
        found.append(f"no event says whether mails arrive (`{stream.delivered.value}`, `{stream.undelivered.value}`)")
    if not len(reading.of("sent")):
        found.append(f"no event says how many mails were issued (`{stream.sent.value}`)")
    if unsaid := int((reading.lost["why"] == Why.UNSAID.value).sum()):
        found.append(f"{unsaid} of {len(reading.lost)} lost mails do not say the server's answer (`smtp_status`)")
    if nowhere := int(reading.lost["recipient_domain"].isna().sum()):
        found.append(f"{nowhere} of {len(reading.lost)} lost mails do not name their `recipient_domain`")
    if silent := int(reading.refused["link_problem"].isna().sum()):
        found.append(f"{silent} of {len(reading.refused)} refused links do not say why (`link_problem`)")
    if len(reading.unsaid):
        found.append(f"{len(reading.unsaid)} failures say of neither mail nor link what went wrong")
    if "usual_completed_share" not in n:
        found.append(f"how many {stream.noun} are usually completed is unknown")
    return tuple(found)


def _beyond(case: Case, judged: Judged, stream: Stream) -> str:
    """Why people must mend it; "" when an action may help."""
    cause = judged.cause
    if judged.token_fault and not cause.of_token:
        cause = of_links(case, judged.reading)
    if cause is Cause.DNS and not failover_helps(case, judged):
        wrong = ", ".join(check.name for check in disbelief(case)) or "SPF, DKIM and DMARC"
        return f"receivers do not believe the domain, whichever service sends: correct {wrong}"
    if cause is Cause.ADDRESSES and stream.name == "reset":
        return "mail goes to addresses that take none: no other service delivers it"
    return _MENDED_BY_HAND.get(cause, "")
