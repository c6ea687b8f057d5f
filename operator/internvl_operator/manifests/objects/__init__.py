"""The children of a resource, one module per kind, and what the pod template of the Deployment is made of."""
