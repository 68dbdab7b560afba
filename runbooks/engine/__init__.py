"""Runs a declared runbook as a Prefect flow: plan, gate, mitigate, verify, hold, roll back.

State lives in the ledger, not here: a run may restart from its top at any time and continues where the ledger
says the incident is. That is what resuming a suspended run does, and what a new run does after a crash.
"""
