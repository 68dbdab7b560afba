"""Words a report explains. They state nothing about an incident, so they are written here once and cite nothing."""

from enum import Enum


class Term(Enum):
    """A word and exactly what it means."""

    TTD = ("TTD", "time to detect: from the incident's first event to its opening")
    TTA = ("TTA", "time to acknowledge: from its opening to the first person who said that they have it")
    TTM = ("TTM", "time to mitigate: from its opening to the verification that found it fixed")
    TTR = ("TTR", "time to resolve: from its opening to its end")
    MEAN = ("Mean", "the sum of the times divided by their number; incidents that never got so far are left out")
    FALSE_ALARM = ("False alarm", "an incident whose label, or the reason given at its end, says that it was none")
    STEP_UP = ("step-up", "the person who asks shows a second factor")
    APPROVE = ("approve", "another person agrees, having shown a second factor")
    TWO_PERSON = ("two-person", "two people agree, neither of them the one who asks")
    SUPPORTED = ("in the trail", "the hash of the evidence stands in the entry that is cited")
    KEPT = ("kept", "the hash is right, and the entry that is cited tells of the same moment without naming it")

    @property
    def word(self) -> str:
        """The word."""
        return str(self.value[0])

    @property
    def meaning(self) -> str:
        """What it means."""
        return str(self.value[1])


class Heading(Enum):
    """Titles of sections. They state nothing."""

    SUMMARY = "Summary"
    TIMES = "How long it took"
    TIMELINE = "Timeline"
    EVIDENCE = "Evidence"
    DECISION = "Decision"
    APPROVALS = "Approvals"
    FLAGS = "Flags before and after"
    VERIFICATION = "Verification"
    HARM = "Harm"
    EXTRAS = "What this type is asked for"
    OPEN = "Open rollbacks"
    FOLLOW_UPS = "Follow-ups"
    WEEK = "The week"
    TRENDS = "Trends"
    OPENINGS = "What opened"
    FALSE_ALARMS = "False alarms"
    WAITING = "Who waited longest"
    DRILLS = "Drills"
