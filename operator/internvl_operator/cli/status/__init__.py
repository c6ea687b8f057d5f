"""``internvl status``: the resources of a cluster and its GPUs, on one screen."""
