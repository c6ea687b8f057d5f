"""The nodes of a cluster as the planner sees them: the GPUs that a pod of the model can use."""
