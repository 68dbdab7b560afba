"""The domain: what an incident is, how it is found, decided and recorded. No framework, driver or network."""
