"""States of the cluster, and what is told of each."""
