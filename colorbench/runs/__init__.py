"""Plan, units, store and provenance: a run is a folder that the same command completes."""
