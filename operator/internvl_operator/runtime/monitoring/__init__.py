"""What the process reports about itself: health and metrics."""
