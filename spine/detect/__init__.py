"""Detectors: pure functions from window frames to findings."""
