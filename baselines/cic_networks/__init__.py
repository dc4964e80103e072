"""CIC's network and what is around it (Zhang et al., ECCV 2016); baselines/cic.py registers it."""
