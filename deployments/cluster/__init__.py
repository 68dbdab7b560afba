"""The topology of many machines as processes of one: `make cluster`. See docs/production.md."""
