"""The children by which Gateways reach a model."""
