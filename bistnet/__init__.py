"""BiSTNet (arXiv 2212.02268): exemplar-based video colorization."""
