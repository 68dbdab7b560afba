"""Detectors of sessions that cannot all be the user's own."""
