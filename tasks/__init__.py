"""Units of work over domain and store, each retried on its own."""
