"""Ranking and triage models. They order and suggest; they never decide (docs/ranking.md)."""
