"""DeepExemplar's networks and what is around them (Zhang et al., CVPR 2019); baselines/deepexemplar.py registers them."""
