"""The warnings of a plan: those of model, engine and GPU, which are stored with it, and those of the spec alone."""
