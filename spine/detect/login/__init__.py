"""Detectors of hostile logins, one idea per file."""
