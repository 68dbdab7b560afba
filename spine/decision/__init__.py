"""The decision engine: from an incident and its evidence to a plan."""
