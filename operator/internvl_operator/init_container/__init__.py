"""Programs for the init container of a model's pod, which run on the Python of LMDeploy's image."""
