"""What resets of passwords and verifications of addresses share: both are a mail, and a link in it."""
