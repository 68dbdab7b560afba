"""What a page says after something was done. The address carries a word of this list, never the text itself."""

from gateway.console.page import Said

SAID: dict[str, Said] = {
    "approved": Said("Approved. The waiting run goes on now."),
    "denied": Said("Denied. Nothing of it is done.", ""),
    "counted": Said("Your vote counts. A different person must give the next one.", ""),
    "ratified": Said("Ratified. What break-glass let through stays in force."),
    "acknowledged": Said("You have it: nobody else is called for this incident."),
    "noted": Said("Your note stands in the timeline."),
    "labelled": Said("Written down. Models that order lists learn from it; nothing else changes."),
    "commanded": Said("Written down. A run carries it out now; its steps appear below as they happen.", ""),
    "reverting": Said("Written down. It is being taken back now.", ""),
    "resolving": Said("Written down. What the incident holds is taken back, then it ends.", ""),
    "suppressed": Said("The window runs. Severity is one lower, nobody is paged, nothing is automatic."),
    "unsuppressed": Said("The window is over. The next tick gives back what it held."),
    "changed": Said("The flag is changed; applications read it within a second."),
    "drafted": Said("The change waits for another person's yes.", ""),
    "withdrawn": Said("The change is withdrawn.", ""),
    "reverted": Said("The flag is as it was at that version."),
    "drill": Said("The drill is starting. It appears here as soon as its run takes it.", ""),
    "standin_over": Said("Standing in is over; the schedule holds again."),
    "overridden": Said("The override is in force."),
}
