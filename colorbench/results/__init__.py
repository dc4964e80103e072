"""The read side of runs: summary, statistics, comparison, gate, grids of trainings, bundles."""
