"""DeepRemaster's networks and what is around them (Iizuka and Simo-Serra, 2019); baselines/deepremaster.py registers them."""
