"""The custom resource: its models, its rules and the CRD made from them."""
