"""The choice of a configuration for a load, and what a plan says of it."""
