"""Bringing the children of a resource to what was rendered, and to nothing of anybody else."""
