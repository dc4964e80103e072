"""Films: shots, references, coloring, encoding."""
