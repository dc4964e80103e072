"""What is drawn of frames: strips, films, worst frames."""
