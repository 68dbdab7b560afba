"""One file per mitigation."""
