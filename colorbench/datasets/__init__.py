"""One file each; see the protocol module of the same name."""
