"""Whether people live at an address: the one rule by which an address becomes known good.

Judged by users, never by counts of logins: more than a third of those who tried from it in the last month or two got
in. An attacker fails for most of the users he tries, whatever he hits and however long he goes on, so his hits earn
nothing; logging in to accounts of his own earns one user each. An office, a phone network or a new branch are fine
from their first users on, mistyped names are no majority, and one client that retries a stale password all night is
one user among them. Whoever got in from an address before is at home there, known good or not.

`address_known` in store/migrations says the same in SQL, on estimates of these numbers.
"""

MOST_EARLY = 10
"""Failures before the first success that people need at most, who mistype on a new device. Whoever got in later
than that guessed, until others live there, too. Judgement: runs of mistyping longer than that are 1 in 1,000."""
SEVERAL = 4
"""Users that make an address a shared one. Source: DETECTION, least users of an address that is no single person."""


def known_good(*, tried: int, entered: int, early: int) -> bool:
    """True when enough of the users live there.

    Args:
        tried: users who tried from the address in that time; a failure that names no user counts as one more.
        entered: those of them who got in.
        early: failures before the first success.
    """
    return 3 * entered > tried and (early <= MOST_EARLY or entered >= SEVERAL)
