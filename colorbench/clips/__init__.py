"""A clip as a protocol prepares it: cut, resized, its exemplars, its shots."""
