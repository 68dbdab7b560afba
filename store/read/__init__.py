"""What the edges show: one query each, page by page, always as one tenant (row-level security)."""
