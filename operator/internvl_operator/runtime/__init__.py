"""The running controller: watches, work queue, workers, health and metrics."""
