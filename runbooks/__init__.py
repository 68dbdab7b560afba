"""One file per incident type."""
