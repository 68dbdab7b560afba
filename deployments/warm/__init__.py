"""Warm starts: runs fork from a process that has everything imported, instead of importing for seconds each.

Measured on 2 cores: a run's process costs 2.4 s of CPU to import, 0.03 s to fork (docs/adr/0004).
Every run still is a process of its own, with its own environment and its own end.
"""
