"""What counts as recovered: few failures, mails that arrive, and as many completed as usual."""

from datetime import timedelta

from runbooks.mail.cause import judge
from runbooks.mail.ladder import ladder
from runbooks.mail.number import usual_completed_share
from runbooks.mail.stream import Stream
from spine.case import Case
from spine.criteria import eased
from spine.plan import ShareLimit, VerifyCriteria
from spine.settings.respond import VerifySettings


def recovered(case: Case, settings: VerifySettings, stream: Stream) -> VerifyCriteria:
    """`eased` over the stream's own hold, with shares of mails as far as events tell of them."""
    base = eased(case, settings)
    minutes = settings.reset_hold_minutes if stream.name == "reset" else settings.verification_hold_minutes
    return base.model_copy(update={"hold": timedelta(minutes=minutes), "shares": _shares(case, settings, stream)})


def _shares(case: Case, settings: VerifySettings, stream: Stream) -> tuple[ShareLimit, ...]:
    reading = judge(case, stream).reading
    seen = {*reading.rows["role"], *reading.before["role"]}
    mails = (stream.delivered.value, stream.undelivered.value)
    found = []
    if seen & {"delivered", "undelivered"}:
        found.append(
            ShareLimit(
                name="mails that arrive", of=mails, part=mails[:1], least=settings.min_delivered,
                min_events=settings.min_mails, people=True,
            )
        )  # fmt: skip
    usual = usual_completed_share(case, reading, stream, least=settings.min_mails)
    if usual and "sent" in seen:
        found.append(
            ShareLimit(
                name=f"{stream.noun} that are completed", of=(stream.sent.value,), part=(stream.completed.value,),
                least=round(settings.min_completed_of_usual * usual, 4), min_events=settings.min_mails,
                people=True,
            )
        )  # fmt: skip
    if "email.failover" in case.tried or any(rung.action_key == "email.failover" for rung in ladder(case, stream)):
        for name, state, most, least in (
            ("mails that bounce", "bounced", settings.max_bounced, settings.min_mails),
            ("mails complained of", "complained", settings.max_complained, settings.min_mails_for_complaints),
        ):
            found.append(ShareLimit(name=name, of=mails, part=mails[1:], states=(state,), most=most, min_events=least))
    return tuple(found)
