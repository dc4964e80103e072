"""Files and folders that appear whole, are locked, hashed and unpacked. Nothing of color."""
