"""What Prefect runs: one verb per file."""
