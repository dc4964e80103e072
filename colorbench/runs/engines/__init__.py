"""Where a plan's units are made: in this process, in several, or on a cluster."""
