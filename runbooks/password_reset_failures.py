"""Password reset failures: people who forgot their password get no mail, or its link does not work.

Looks like  reset mails are deferred or bounce, arrive after ten minutes and more, or their links are refused; fewer
            resets are completed for as many requests.
Costs       whoever forgot the password is locked out, and asks support; at a lockout spike nobody gets back in.
Not this    requests for addresses nobody has (nothing is sent), links that a newer mail replaced, links that a mail
            scanner opened, greylisting, delivery reports that come late.

Responds by the cause: email.failover, email.retry_queue, rate_limit.strict (of requests), token.ttl_set, last
reset.pause. A fault of links is no fault of the mail service: then nothing is failed over. No account is ever locked.
"""

from collections.abc import Sequence

from runbooks.mail.diagnosis import diagnosed, rivals
from runbooks.mail.example import lost, mail_case, refused, sent, went_well
from runbooks.mail.ladder import ladder
from runbooks.mail.message import tell_admins as told
from runbooks.mail.recovery import recovered
from runbooks.mail.stream import RESET
from spine.case import Case, Diagnosis, Proposal
from spine.case_rows import Rows
from spine.incident import Incident, IncidentKind
from spine.plan import Decision, Hypothesis, RiskNote, VerifyCriteria
from spine.runbook import Example, Messages, Runbook
from spine.settings.respond import VerifySettings
from spine.severity import Severity


def diagnose(case: Case) -> Diagnosis:
    """Whether mails or links fail, why, for whom, and whether somebody only makes it look so."""
    return diagnosed(case, RESET)


def hypotheses(case: Case, found: Diagnosis) -> Sequence[Hypothesis]:
    """The mail service, the domain's records, the links, and the harmless causes."""
    return rivals(case, found, RESET)


def propose(case: Case, found: Diagnosis) -> Sequence[Proposal]:
    """By the cause: another mail service and what waited, a limit on requests, longer links; a pause as the last."""
    return ladder(case, RESET)


def criteria(case: Case, found: Diagnosis, settings: VerifySettings) -> VerifyCriteria:
    """For half an hour nearly all mails arrive, and nearly as many resets as usual are completed."""
    return recovered(case, settings, RESET)


def tell_admins(incident: Incident, decision: Decision) -> str:
    """Effect, the decision that is needed, when it is undone."""
    return told(incident, decision, RESET)


RUNBOOK = Runbook(
    kind=IncidentKind.PASSWORD_RESET_FAILURES,
    version="1",
    title="Password reset failures",
    owner="messaging on-call",
    summary=__doc__ or "",
    ladder=("email.failover", "email.retry_queue", "rate_limit.strict", "token.ttl_set", "reset.pause"),
    asks=("mail_dns", "smtp_starttls", "tls_expiry", "clock_skew"),
    diagnose=diagnose,
    hypotheses=hypotheses,
    propose=propose,
    criteria=criteria,
    risks=(
        RiskNote(
            risk="the second mail service is not believed, or bounces more",
            likelihood="low, if its DNS aligns and a canary was delivered",
            impact="mail goes astray, and the domain's reputation suffers",
            mitigation="refused without both; taken back at 5 % bounces, and after four hours in any case",
        ),
        RiskNote(
            risk="somebody gets the same mail twice",
            likelihood="medium, when what waited is sent again",
            impact="the older link is refused: only the newest works",
            mitigation="each user's newest live mail only, and people are told so",
        ),
        RiskNote(
            risk="links that live longer can be stolen for longer",
            likelihood="low",
            impact="an account whose mailbox somebody else reads",
            mitigation="an hour at most, by approval, and it ends by itself",
        ),
    ),
    messages=Messages(
        admin=tell_admins,
        user="Mail delayed; use only the newest message.",
        audience="messaging owner and support",
    ),
    examples=(
        Example(
            "the mail service answers 421 to 80 of 100, beside 20 requests for addresses nobody has",
            lambda: mail_case(
                RESET, *lost(RESET, 80), *went_well(RESET, 20),
                Rows(type=RESET.asked, n=20, users=20, first_user=2000, attributes={"invalid_user": True}),
            ),
            acts=True,
        ),
        Example(
            "links signed with another key: nothing is failed over, people must mend it",
            lambda: mail_case(
                RESET, *refused(RESET, 60, "wrong_key"), *went_well(RESET, 10), severity=Severity.MEDIUM
            ),
            acts=False,
        ),
        Example(
            "links that a newer mail replaced",
            lambda: mail_case(
                RESET, *refused(RESET, 40, "superseded"), *went_well(RESET, 60), severity=Severity.MEDIUM,
            ),
            acts=False,
        ),
        Example(
            "requests for addresses nobody has",
            lambda: mail_case(
                RESET, *sent(RESET, 60, attributes={"invalid_user": True}), *went_well(RESET, 20), margin=0.5,
            ),
            acts=False,
        ),
    ),
)  # fmt: skip
