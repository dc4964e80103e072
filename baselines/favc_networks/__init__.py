"""FAVC's networks and what is around them (Lei and Chen, CVPR 2019); baselines/favc.py registers them."""
