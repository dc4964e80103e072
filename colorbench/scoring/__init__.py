"""One method on one clip: the pass over the pixels and the memo of the truth. The metrics themselves are plug-ins."""
