"""PostgreSQL: where all state lives."""
