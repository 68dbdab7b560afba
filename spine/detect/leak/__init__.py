"""Detectors of accesses that cross tenants."""
