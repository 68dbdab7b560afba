"""How well ranking and triage do on worlds whose truth is known."""
