"""The network blended with optical flow. Not in the paper."""
