"""The flags the spine's own actions hold. Every tenant has them, switched off, before anybody defines them.

At "version 0" a flag is what this file says; the first edit by a person makes version 1. Where a purpose names a
context, the application puts that property into the evaluation's context; without it the flag reads as off.
"""

from dataclasses import dataclass, field

from spine.flag.definition import Definition, boolean_flag


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownFlag:
    """A flag with a meaning the product knows."""

    key: str
    purpose: str
    definition: Definition = field(default_factory=boolean_flag)


def _choice(usual: str, *others: str) -> Definition:
    """A flag of words, each a variant of its own name."""
    return Definition(variants={word: word for word in (usual, *others)}, default_variant=usual)


CATALOGUE: dict[str, KnownFlag] = {
    flag.key: flag
    for flag in (
        KnownFlag(
            key="auth.rateLimit.strict",
            purpose="Throttle logins of the whole tenant; metadata: perMinute, burst, scope. Or its requests for "
            "password resets (context: flow, reset); metadata: resetPerMinute, resetBurst, resetScope",
        ),
        KnownFlag(
            key="auth.captcha.required",
            purpose="Ask for a captcha at login; metadata: mode (risk or all). Or at sign-up (context: flow, signup); "
            "metadata: signupMode",
        ),
        KnownFlag(
            key="auth.ipThrottle.enabled",
            purpose="Throttle logins from the addresses it is on for (context: ip); metadata: perMinute",
        ),
        KnownFlag(
            key="auth.ipDeny.enabled",
            purpose="Refuse logins from the addresses it is on for (context: ip)",
        ),
        KnownFlag(
            key="auth.stepUp.required",
            purpose="Ask for a further factor (context: userId, role); metadata: factorsBefore, Unix time before which "
            "it must have been enrolled",
        ),
        KnownFlag(
            key="auth.session.notBefore",
            purpose="Refuse sessions and tokens from before the metadata's notBefore, Unix time (context: userId)",
        ),
        KnownFlag(
            key="auth.email.provider",
            purpose="Which mail provider sends (context: stream, reset or verification)",
            definition=_choice("primary", "secondary"),
        ),
        KnownFlag(
            key="auth.passwordReset.disabled",
            purpose="Take no password resets",
        ),
        KnownFlag(
            key="auth.token.ttlOverride",
            purpose="Let links live as long as the metadata say (context: token, reset or verification): resetMinutes, "
            "verificationMinutes",
        ),
        KnownFlag(
            key="auth.oauth.disabled",
            purpose="Whether a provider is offered, hidden, or refused as well (context: provider)",
            definition=_choice("offer", "hide", "block"),
        ),
        KnownFlag(
            key="auth.oauth.configRollback",
            purpose="Use an older configuration of a provider (context: provider); metadata: version.<provider>",
        ),
        KnownFlag(
            key="auth.jwt.jwksRefresh",
            purpose="Read the issuer's key set again, once for each epoch (context: iss); metadata: epoch",
        ),
        KnownFlag(
            key="auth.jwt.acceptKid",
            purpose="Accept tokens of a key that is no longer published (context: kid)",
        ),
        KnownFlag(
            key="auth.jwt.rejectKid",
            purpose="Refuse tokens of a key (context: kid); it wins over acceptKid",
        ),
        KnownFlag(
            key="tenant.crossAccess.disabled",
            purpose="Refuse access to another tenant's data, granted or not (context: resourceTenant)",
        ),
        KnownFlag(
            key="tenant.sharedCache.disabled",
            purpose="Go past the shared cache (context: namespace)",
        ),
        KnownFlag(
            key="tenant.isolation",
            purpose="Whether the tenant is open, may only read, or is offline",
            definition=_choice("open", "read_only", "offline"),
        ),
        KnownFlag(
            key="admin.privilegedWrites.disabled",
            purpose="Refuse privileged changes (context: breakGlass, true for emergency accounts, which are exempt)",
        ),
    )
}
