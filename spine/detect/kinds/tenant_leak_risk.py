"""TENANT_LEAK_RISK: accesses that cross tenants, tried or let through."""

from spine.detect.leak import confirmed_access, crossed_tenants, failed_probe

DETECTORS = (crossed_tenants.DETECTOR, confirmed_access.DETECTOR, failed_probe.DETECTOR)
