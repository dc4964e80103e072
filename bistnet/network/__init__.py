"""The graph of BiSTNet and its settings."""
