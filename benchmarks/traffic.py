"""Made-up but lifelike auth traffic, for the benchmarks: a week in shape, no week in length."""

from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa

KINDS = {
    "login_succeeded": 0.5, "session_created": 0.25, "oauth_callback_ok": 0.1, "login_failed": 0.08,
    "password_reset_requested": 0.03, "jwt_validation_error": 0.02, "email_verification_sent": 0.02,
}  # fmt: skip
USERS = 2_000
AGENTS = 400


def traffic(rows: int, until: datetime, span: timedelta, *, tenants: int = 200, seed: int = 1) -> pa.Table:
    """`rows` events of `tenants` tenants of very different size, in order of time, ids time-ordered."""
    random = np.random.default_rng(seed)
    at = np.sort(random.random(rows)) * span.total_seconds()
    kind = random.choice(len(KINDS), rows, p=list(KINDS.values()))
    tenant = np.minimum((random.pareto(1.1, rows) * 5).astype(int), tenants - 1)
    user = random.integers(0, USERS, rows)
    frame = pd.DataFrame(
        {
            "id": [f"01J{seed:03d}{i:012d}" for i in range(rows)],
            "type": pd.Categorical.from_codes(kind, list(KINDS)),
            "occurred_at": pd.Timestamp(until - span) + pd.to_timedelta(at, unit="s").round("us"),
            "tenant_id": pd.Categorical.from_codes(tenant, [f"t{i:04d}" for i in range(tenants)]),
            "user_id": np.array([f"u{i}" for i in range(USERS)])[user],
            "provider": "password",
            "ip": [f"10.{a}.{b >> 8}.{b & 255}" for a, b in zip(tenant.tolist(), user.tolist(), strict=True)],
            "country": "US",
            "user_agent": pd.Categorical.from_codes(user % AGENTS, [f"ua-{i}" for i in range(AGENTS)]),
        }
    )
    return pa.Table.from_pandas(frame, preserve_index=False)
