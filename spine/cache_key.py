"""Keys for shared caches (Redis, CDN): every one belongs to a tenant, and no two can be mixed up."""

from urllib.parse import quote

from spine.ids import TenantId


def cache_key(tenant: TenantId, namespace: str, *parts: str) -> str:
    """`opsspine:<tenant>:<namespace>:<part>…`, each part escaped.

    An unescaped `:` in a user's name could otherwise name another tenant's entry.
    """
    return ":".join(["opsspine", *(quote(part, safe="") for part in (tenant, namespace, *parts))])
