"""How fast a replica serves a load: formulas of the architecture and the GPU, with few fitted constants."""
