"""The sections of an incident's report: one module each, a function from the account to the section."""
