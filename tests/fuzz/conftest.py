"""How long is fuzzed: little in `make test`; OPSSPINE_FUZZ_EXAMPLES=20000 for a night. The profile is called "fuzz"."""

import os

from hypothesis import HealthCheck, settings

EXAMPLES = int(os.environ.get("OPSSPINE_FUZZ_EXAMPLES", "60"))
settings.register_profile(
    "fuzz", max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)  # fmt: skip
