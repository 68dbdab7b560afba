"""Failures of resets, verifications, callbacks of providers and tokens."""
