"""A real login page under a real attack, and the script that plays it."""
