"""What the verbs read that plan models: files with resources, the nodes of a cluster, and the names of GPUs."""
