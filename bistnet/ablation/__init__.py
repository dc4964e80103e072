"""The grid of ablations: what each cell changes, how long it trains, and its trainings."""
