"""Email verification failures: people who signed up get no mail to verify their address, or its link does not work.

Looks like  verification mails bounce or are put off, or their links are refused; fewer of those who signed up within
            the hour are verified than usual.
Costs       new users who cannot begin; mail to dead addresses costs the domain its reputation.
Not this    a wave of bots or throw-away addresses, users who ignore the mail, one mailbox provider (a ticket).

Responds by the cause: email.failover, email.retry_queue, token.ttl_set, captcha.require (at sign-up, against bots).
A fault of links is no fault of the mail service: then nothing is failed over. No address is ever verified unseen.
"""

from collections.abc import Sequence

from runbooks.mail.diagnosis import diagnosed, rivals
from runbooks.mail.example import lost, mail_case, refused, went_well
from runbooks.mail.ladder import ladder
from runbooks.mail.message import tell_admins as told
from runbooks.mail.recovery import recovered
from runbooks.mail.stream import VERIFICATION
from spine.case import Case, Diagnosis, Proposal
from spine.incident import Incident, IncidentKind
from spine.plan import Decision, Hypothesis, RiskNote, VerifyCriteria
from spine.runbook import Example, Messages, Runbook
from spine.settings.respond import VerifySettings
from spine.severity import Severity


def diagnose(case: Case) -> Diagnosis:
    """Whether mails or links fail, why, for whom, and whether bots only make it look so."""
    return diagnosed(case, VERIFICATION)


def hypotheses(case: Case, found: Diagnosis) -> Sequence[Hypothesis]:
    """The mail service, the domain's records, the links, and the harmless causes."""
    return rivals(case, found, VERIFICATION)


def propose(case: Case, found: Diagnosis) -> Sequence[Proposal]:
    """By the cause: another mail service and what waited, longer links; against bots a captcha at sign-up alone."""
    return ladder(case, VERIFICATION)


def criteria(case: Case, found: Diagnosis, settings: VerifySettings) -> VerifyCriteria:
    """For an hour nearly all mails arrive, and nearly as many addresses as usual are verified."""
    return recovered(case, settings, VERIFICATION)


def tell_admins(incident: Incident, decision: Decision) -> str:
    """Effect, the decision that is needed, when it is undone."""
    return told(incident, decision, VERIFICATION)


RUNBOOK = Runbook(
    kind=IncidentKind.EMAIL_VERIFICATION_FAILURES,
    version="1",
    title="Email verification failures",
    owner="messaging on-call",
    summary=__doc__ or "",
    ladder=("email.failover", "email.retry_queue", "token.ttl_set", "captcha.require"),
    asks=("mail_dns", "smtp_starttls", "tls_expiry"),
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
            risk="people give up at the captcha",
            likelihood="low: risky sign-ups are asked, with an accessible way out",
            impact="new users are lost",
            mitigation="refused where people sign up by programs; it ends by itself",
        ),
        RiskNote(
            risk="somebody proposes to verify addresses without a mail, to clear the queue",
            likelihood="medium, under pressure",
            impact="accounts in other people's names",
            mitigation="no action does it, whatever the severity",
        ),
    ),
    messages=Messages(
        admin=tell_admins,
        user="Mail delayed; use only the newest message.",
        audience="messaging owner and support",
    ),
    examples=(
        Example(
            "the mail service answers 421 to 80 of 100",
            lambda: mail_case(VERIFICATION, *lost(VERIFICATION, 80), *went_well(VERIFICATION, 20)),
            acts=True,
        ),
        Example(
            "a wave of throw-away addresses that bounce: a captcha at sign-up, no failover",
            lambda: mail_case(
                VERIFICATION,
                *lost(
                    VERIFICATION, 80, smtp_status="550", delivery_state="bounced", recipient_domain="throw.example",
                    disposable_domain=True,
                ),
                *went_well(VERIFICATION, 20),
            ),
            acts=True,
        ),
        Example(
            "one mailbox provider takes no mail",
            lambda: mail_case(
                VERIFICATION, *lost(VERIFICATION, 40, recipient_domain="mailbox.example"),
                *went_well(VERIFICATION, 60), severity=Severity.MEDIUM,
            ),
            acts=False,
        ),
        Example(
            "links signed with another key: nothing is failed over, people must mend it",
            lambda: mail_case(
                VERIFICATION, *refused(VERIFICATION, 60, "wrong_key"), *went_well(VERIFICATION, 10),
                severity=Severity.MEDIUM,
            ),
            acts=False,
        ),
        Example(
            "users who ignore their mail",
            lambda: mail_case(VERIFICATION, *went_well(VERIFICATION, 60), margin=0.5),
            acts=False,
        ),
    ),
)  # fmt: skip
