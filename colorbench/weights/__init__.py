"""Weights: the manifest, downloads, verification, the ones on this machine, methods that are networks."""
