"""What findings of failures are grouped by: a tenant, one provider of it, or all tenants at once."""

TENANT = "tenant"
EVERYWHERE = "everywhere"
_PROVIDER = "provider:"


def of_tenant(provider: str = "") -> str:
    """The subject of a failure within one tenant."""
    return f"{_PROVIDER}{provider}" if provider else TENANT


def of_everybody(provider: str = "") -> str:
    """The subject of a failure that many tenants share; its incident belongs to no tenant (`ids.NO_TENANT`)."""
    return f"{EVERYWHERE}/{_PROVIDER}{provider}" if provider else EVERYWHERE


def provider_of(subject: str) -> str:
    """The provider a subject names; "" = none."""
    tail = subject.removeprefix(f"{EVERYWHERE}/")
    return tail.removeprefix(_PROVIDER) if tail.startswith(_PROVIDER) else ""


def is_everybody(subject: str) -> bool:
    """True for a subject that spans tenants."""
    return subject == EVERYWHERE or subject.startswith(f"{EVERYWHERE}/")
