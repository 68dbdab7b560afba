"""SESSION_ANOMALIES: sessions that cannot all be the user's own."""

from spine.detect.session import impossible_travel, session_flood

DETECTORS = (impossible_travel.DETECTOR, session_flood.DETECTOR)
