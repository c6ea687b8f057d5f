"""``status`` of a resource, as the CRD describes it."""
