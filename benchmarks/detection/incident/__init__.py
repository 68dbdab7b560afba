"""The kinds of incident; one file each, found by itself. Every event of an incident bears its number."""
