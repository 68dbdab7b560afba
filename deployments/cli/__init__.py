"""The `opsspine` command."""
