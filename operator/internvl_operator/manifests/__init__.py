"""What the controller applies: pure functions from a spec and a plan to Kubernetes objects."""
