"""Types of Kubernetes that the spec contains, with the schemas of the API server itself."""
