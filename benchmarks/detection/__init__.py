"""A benchmark of incident detectors: worlds with known truth, a scorer, peers' rules, and public data."""
