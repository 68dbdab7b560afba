"""SESSION_ANOMALIES: sessions that cannot all be the user's own."""

from spine.detect.session import (
    guessed_ids,
    impossible_travel,
    many_devices,
    refresh_reused,
    session_flood,
    session_replayed,
    shared_session,
)

DETECTORS = (
    impossible_travel.DETECTOR,
    session_flood.DETECTOR,
    session_replayed.DETECTOR,
    refresh_reused.DETECTOR,
    shared_session.DETECTOR,
    many_devices.DETECTOR,
    guessed_ids.DETECTOR,
)
