"""How good a colored film is for which no ground truth exists: one measure a file, one pass over the films."""
