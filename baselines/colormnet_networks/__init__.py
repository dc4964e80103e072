"""ColorMNet's networks and what is around them (Yang et al., ECCV 2024); baselines/colormnet.py registers them."""
