"""One file per log format: lines in, events out."""
