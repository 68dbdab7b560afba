"""Ranking and triage models. They order and suggest; they never decide. None is shipped yet."""
