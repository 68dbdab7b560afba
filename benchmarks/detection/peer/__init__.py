"""Rules of other projects, from their published documentation, and the rules that everybody writes first."""

from benchmarks.detection.peer import crowdsec, fail2ban, fixed
from benchmarks.detection.peer.alert import Peer

PEERS: dict[str, Peer] = {"crowdsec": crowdsec.alerts, "fail2ban": fail2ban.alerts, "fixed": fixed.alerts}
