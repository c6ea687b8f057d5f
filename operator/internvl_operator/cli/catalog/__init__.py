"""The verbs that list what the operator knows: GPUs and models."""
