"""The memory that a model takes, of the GPUs and of the node: the model that the measurements were fitted to."""
