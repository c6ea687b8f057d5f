"""Measures the GPU memory of configurations that run, and compares it with the plan's."""
