"""Mail: text and HTML, one message per notification, its Message-ID derived from the outbox row."""

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import format_datetime

from spine.errors import Broken, Transient
from spine.message import Message
from spine.notification import Deferred, Receipt
from spine.plain import clean, cut, markup
from spine.settings import Settings, SmtpSettings
from tasks.notifiers import Ports

_SECONDS = 15
_SUBJECT = 180
_REFUSED_FOR_GOOD = 500


def send(message: Message, ports: Ports) -> Receipt:
    """Hand the message to the mail server. A second delivery bears the same Message-ID."""
    settings = ports.settings
    if settings.smtp.host is None or settings.admin_email is None:
        raise Deferred("Mail is not set up: set OPSSPINE_SMTP__HOST and OPSSPINE_ADMIN_EMAIL.")
    mail = render(message, settings)
    try:
        with _session(settings.smtp) as session:
            session.send_message(mail)
    except smtplib.SMTPRecipientsRefused as error:
        code, said = next(iter(error.recipients.values()))
        raise _refusal(code, said) from error
    except (smtplib.SMTPDataError, smtplib.SMTPSenderRefused) as error:
        raise _refusal(error.smtp_code, error.smtp_error) from error
    except (OSError, smtplib.SMTPException) as error:
        raise Deferred(f"the mail server cannot be used: {type(error).__name__}: {error}") from error
    return Receipt({"message_id": mail["Message-ID"], "to": mail["To"]})


def render(message: Message, settings: Settings) -> EmailMessage:
    """The mail. Header injection is impossible: values are one clean line each."""
    mail = EmailMessage()
    mail["Subject"] = cut(clean(f"[{message.severity.label}] {message.title}"), _SUBJECT)
    mail["From"], mail["To"] = settings.smtp.sender, settings.admin_email
    mail["Date"] = format_datetime(message.at)
    mail["Message-ID"] = f"<{message.id}@opsspine>"
    mail["Auto-Submitted"] = "auto-generated"
    if incident := message.data.get("incident"):
        mail["References"] = f"<incident-{incident}@opsspine>"
    mail.set_content(_text(message))
    mail.add_alternative(_html(message), subtype="html")
    return mail


def _session(smtp: SmtpSettings) -> smtplib.SMTP:
    session = smtplib.SMTP(str(smtp.host), smtp.port, timeout=_SECONDS)
    if smtp.starttls:
        session.starttls(context=ssl.create_default_context())
    if smtp.username and smtp.password:
        session.login(smtp.username, smtp.password.get_secret_value())
    return session


def _refusal(code: int, said: bytes | str) -> Exception:
    text = said.decode(errors="replace") if isinstance(said, bytes) else said
    sentence = f"the mail server refused: {code} {clean(text)}"
    return Broken(sentence) if code >= _REFUSED_FOR_GOOD else Transient(sentence)


def _text(message: Message) -> str:
    parts = [message.headline]
    if message.question and message.question.verdict:
        parts.append(message.question.verdict)
    parts += ["\n".join([section.title, *(f"  {line}" for line in section.lines)]) for section in message.sections]
    if message.question and message.question.open:
        parts.append(
            f"Answer in Slack, in the orchestrator, or: opsspine approvals approve {message.question.approval}"
        )
    if message.link:
        parts.append(message.link)
    return clean("\n\n".join(parts), lines=True) + "\n"


def _html(message: Message) -> str:
    blocks = [f"<p><strong>{markup(message.headline)}</strong></p>"]
    if message.question and message.question.verdict:
        blocks.append(f"<p>{markup(message.question.verdict)}</p>")
    for section in message.sections:
        items = "".join(f"<li>{markup(line)}</li>" for line in section.lines)
        blocks.append(f"<h4>{markup(section.title)}</h4><ul>{items}</ul>")
    if message.question and message.question.open:
        blocks.append(f"<p>To answer: <code>opsspine approvals approve {message.question.approval}</code></p>")
    if message.link:
        blocks.append(f'<p><a href="{markup(message.link)}">Open the orchestrator</a></p>')
    return "<!doctype html><html><body>" + "".join(blocks) + "</body></html>"
