"""Ranking at work: incidents are scored, models trained, compared and watched. Nothing that acts imports this."""
