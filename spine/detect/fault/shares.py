"""The detectors of shares that fail, one pair per kind, with their examples."""

from spine.detect.detector import Detector
from spine.detect.fault import share_everywhere, share_of_tenant
from spine.detect.fault.example import Faults, faults
from spine.detect.fault.family import Family
from spine.detect.fault.share_of_tenant import Limits


def pair(prefix: str, family: Family, limits: Limits) -> tuple[Detector, Detector]:
    """`<prefix>_of_tenant` and `<prefix>_everywhere`."""
    provider = "google" if family.per_provider else ""
    alone, all_of = f"{prefix}_of_tenant", f"{prefix}_everywhere"
    return (
        Detector(
            name=alone,
            find=share_of_tenant.finder(alone, family, limits),
            firing=lambda: faults(family, Faults("t1", failures=6, tries=6, provider=provider)),
            silent=lambda: faults(family, Faults("t1", failures=6, tries=90, usual=0.4, provider=provider)),
        ),
        Detector(
            name=all_of,
            find=share_everywhere.finder(all_of, family, limits),
            firing=lambda: faults(family, *(Faults(f"t{i}", 2, 4, provider=provider) for i in range(6))),
            silent=lambda: faults(
                family,
                Faults("t9", 40, 40, provider=provider),
                *(Faults(f"t{i}", 1, 20, usual=0.5, provider=provider) for i in range(6)),
            ),
        ),
    )
