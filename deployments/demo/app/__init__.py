"""A small shop's login page: the customer's application of the demo.

It has users, passwords and sessions of its own and knows nothing of the spine. Two standard things connect it:
it posts its auth events as NDJSON over HTTP, and it reads flags with OpenFeature over OFREP.
"""
