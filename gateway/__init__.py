"""The HTTP edge: ingest, flags, Slack, health, metrics."""
