"""Prefect blocks: typed credentials, and the clients made from them."""
