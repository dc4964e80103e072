"""What is trained: tasks, losses and their samples. The loop is colorbench/training."""
