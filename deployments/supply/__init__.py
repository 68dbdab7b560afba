"""What the project is made of, and what must not be in it: known holes, secrets, an inventory of packages."""
