"""Colorization methods, one file each: drop a file in and it is listed, tested, tabled and plotted."""
