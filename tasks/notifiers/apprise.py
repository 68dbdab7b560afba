"""Apprise: the long tail of services, each by a URL. The URLs bear passwords: they are told nobody, nor is its log."""

import logging
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLong

from pydantic import SecretStr

from spine.errors import Broken, Transient
from spine.message import Message
from spine.notification import Deferred, Receipt
from spine.plain import clean
from spine.severity import Severity
from tasks.notifiers import Ports

_TYPES = {Severity.INFO: "info", Severity.MEDIUM: "info", Severity.HIGH: "warning", Severity.CRITICAL: "failure"}


def send(message: Message, ports: Ports) -> Receipt:
    """Tell every service of the settings; one that took it is enough, and the receipt names those that did not."""
    settings = ports.settings.apprise
    if not settings.urls:
        raise Deferred("Apprise is not set up: set OPSSPINE_APPRISE__URLS.")
    pool = ThreadPoolExecutor(len(settings.urls), thread_name_prefix="apprise")
    waiting = {name: pool.submit(_tell, url, message) for name, url in settings.urls.items()}
    took: dict[str, bool] = {}
    for name, told in waiting.items():
        try:
            took[name] = told.result(settings.timeout_seconds)
        except TooLong:
            took[name] = False
    pool.shutdown(wait=False, cancel_futures=True)
    if not any(took.values()):
        raise Transient(f"no service of Apprise took the message ({', '.join(sorted(took))}); see that they are up")
    missed = sorted(name for name, done in took.items() if not done)
    return Receipt({"services": sorted(set(took) - set(missed)), **({"missed": missed} if missed else {})})


def body(message: Message) -> str:
    """The message as plain text, short: it may be read on a watch."""
    parts = [message.headline, *(f"{s.title}: {'; '.join(s.lines)}" for s in message.sections[:3])]
    return clean("\n".join(parts), lines=True)


def _tell(url: SecretStr, message: Message) -> bool:
    import apprise  # two hundred modules, needed by few

    logging.getLogger(apprise.LOGGER_NAME).setLevel(logging.CRITICAL + 1)  # what it logs may bear the URL
    service = apprise.Apprise()
    if not service.add(url.get_secret_value()):
        raise Broken("one of OPSSPINE_APPRISE__URLS, or a contact's, is no URL that Apprise knows; correct it")
    return bool(service.notify(title=clean(message.title), body=body(message), notify_type=_TYPES[message.severity]))
