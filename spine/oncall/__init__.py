"""On-call: who is called when, by which way, and who is called next. Pure."""
