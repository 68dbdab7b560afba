"""How lines of a log look where no process has said so (deployments/log.py does)."""

import structlog


def plain() -> None:
    """Errors are told without what variables held: that may be secret, and takes long. What is set stays as it is."""
    if structlog.is_configured():
        return
    processors = [
        one for one in structlog.get_config()["processors"] if not isinstance(one, structlog.dev.ConsoleRenderer)
    ]
    renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*processors, renderer])
