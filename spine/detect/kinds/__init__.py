"""One file per kind of incident, each listing its `DETECTORS`."""
