"""Detectors of what single users, administrators and tenants do: few events, judged by history."""
