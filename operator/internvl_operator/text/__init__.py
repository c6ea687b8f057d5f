"""Kinds of text: Kubernetes quantities and camelCase, and what a terminal may be sent."""
