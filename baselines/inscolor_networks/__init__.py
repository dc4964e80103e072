"""InsColor's networks and what is around them (Su et al., CVPR 2020); baselines/inscolor.py registers them."""
