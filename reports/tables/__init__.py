"""A grid of cells and every format that it is written in."""
