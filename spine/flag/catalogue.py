"""The flags the spine's own actions hold. Every tenant has them, switched off, before anybody defines them.

At "version 0" a flag is what this file says; the first edit by a person makes version 1.
"""

from dataclasses import dataclass, field

from spine.flag.definition import Definition, boolean_flag


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownFlag:
    """A flag with a meaning the product knows."""

    key: str
    purpose: str
    definition: Definition = field(default_factory=boolean_flag)


CATALOGUE: dict[str, KnownFlag] = {
    flag.key: flag
    for flag in (
        KnownFlag(
            key="auth.rateLimit.strict",
            purpose="Throttle logins of the whole tenant; metadata: perMinute, burst, scope",
        ),
        KnownFlag(
            key="auth.captcha.required",
            purpose="Ask for a captcha at login; metadata: mode (risk or all)",
        ),
        KnownFlag(
            key="auth.ipThrottle.enabled",
            purpose="Throttle logins from the addresses it is on for (context: ip); metadata: perMinute",
        ),
        KnownFlag(
            key="auth.ipDeny.enabled",
            purpose="Refuse logins from the addresses it is on for (context: ip)",
        ),
    )
}
