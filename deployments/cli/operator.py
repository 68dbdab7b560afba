"""Who sits at the terminal, as the audit trail names them."""

import getpass


def operator() -> str:
    """The account of this machine that runs the command."""
    return f"cli:{getpass.getuser()}"
