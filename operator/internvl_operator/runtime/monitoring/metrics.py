"""Prometheus metrics. No label holds the name of a resource: the number of series does not grow with them."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from internvl_operator import __version__


class Metrics:
    """The operator's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.reconciles = Counter(
            "internvl_reconcile",
            "Reconciliations by result: success, requeue, throttled, refused, error, not-leader.",
            ["result"],
            registry=self.registry,
        )
        self.reconcile_seconds = Histogram(
            "internvl_reconcile_seconds",
            "Seconds that one reconciliation took.",
            buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30),
            registry=self.registry,
        )
        self.status_refusals = Counter(
            "internvl_status_refusals",
            "Statuses that the API server refused to store, whatever the reason.",
            registry=self.registry,
        )
        self.api_requests = Counter(
            "internvl_api_requests",
            "Requests to the Kubernetes API by method, kind and status code; code 0: no answer.",
            ["method", "kind", "code"],
            registry=self.registry,
        )
        self.api_seconds = Histogram(
            "internvl_api_request_seconds",
            "Seconds that one request to the Kubernetes API took.",
            ["method"],
            buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30),
            registry=self.registry,
        )
        self.queue_depth = Gauge(
            "internvl_queue_depth", "Resources ready to be reconciled.", registry=self.registry
        )
        self.queue_oldest_seconds = Gauge(
            "internvl_queue_oldest_seconds",
            "Seconds for which the oldest resource has been ready to be reconciled.",
            registry=self.registry,
        )
        self.resources = Gauge(
            "internvl_resources",
            "InternVLDeployments by the reason of their Ready condition; of the replica that leads alone.",
            ["reason"],
            registry=self.registry,
        )
        self.watched_objects = Gauge(
            "internvl_watched_objects",
            "Objects that the operator knows, by kind; a standby knows them too.",
            ["kind"],
            registry=self.registry,
        )
        self.incomplete_objects = Gauge(
            "internvl_incomplete_objects",
            "Objects that are nested too deep to be known as a whole, by kind.",
            ["kind"],
            registry=self.registry,
        )
        self.skipped_objects = Counter(
            "internvl_skipped_objects",
            "Times that an object could not be read or kept, by kind.",
            ["kind"],
            registry=self.registry,
        )
        self.leader = Gauge(
            "internvl_leader",
            "1 while this replica reconciles, 0 while it stands by.",
            registry=self.registry,
        )
        build = Gauge("internvl_build_info", "Always 1.", ["version"], registry=self.registry)
        build.labels(version=__version__).set(1)

    def observe_request(self, method: str, kind: str, code: int, seconds: float) -> None:
        """Count a request to the Kubernetes API."""
        self.api_requests.labels(method=method, kind=kind, code=str(code)).inc()
        self.api_seconds.labels(method=method).observe(seconds)
