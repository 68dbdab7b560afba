"""The condition and the names that make a query read what an incident reaches, and nothing else."""

from typing import Any

from spine.reach import Reach


def reached(reach: Reach) -> str:
    """A condition on `auth_ops_logs`, for the parameters of `bound`. One that names its tenant uses its index."""
    whose = "true" if reach.tenant is None else "tenant_id = %(tenant)s"
    return f"{whose} and " + ("not synthetic" if reach.drill is None else "synthetic and drill_id = %(drill)s")


def user_of(reach: Reach) -> str:
    """The user as a column: of several tenants, who may have users of the same name, with the tenant before it."""
    return "user_id" if reach.tenant is not None else "tenant_id || '/' || user_id"


def bound(reach: Reach) -> dict[str, Any]:
    """The parameters of `reached`."""
    return {"tenant": reach.tenant, "drill": reach.drill}
