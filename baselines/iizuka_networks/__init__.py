"""Iizuka's network and what is around it (Iizuka et al., SIGGRAPH 2016); baselines/iizuka.py registers it."""
