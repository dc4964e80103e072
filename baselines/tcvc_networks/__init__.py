"""TCVC's networks and what is around them (Liu et al., 2021); baselines/tcvc.py registers them."""
