"""Reports made by themselves: of incidents that ended, and once a week of every tenant."""
