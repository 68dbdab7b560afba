"""The reference in docs/reference, written from the code it describes, and the rules the code must keep to."""
