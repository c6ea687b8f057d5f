"""The Lease that several replicas share, and the fence that holds back the writes of one that lost it."""
