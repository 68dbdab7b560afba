"""Detectors of logins that are not like the administrator's others."""
