"""One frame after the other, out of pictures and films."""
