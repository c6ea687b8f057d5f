"""Why a resource is not ready: pure functions of its Deployment and its pods."""
