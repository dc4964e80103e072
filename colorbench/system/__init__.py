"""What the process stands on: consoles, child processes, foreign code, repairs of the stack, compiled kernels."""
