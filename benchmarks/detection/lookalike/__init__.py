"""Benign trouble that looks like an incident; one file each, found by itself. No event here bears a label."""
