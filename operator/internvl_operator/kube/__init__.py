"""The Kubernetes API: what the reconciler needs of it, a client, and a cache."""
