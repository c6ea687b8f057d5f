"""What the published images run on, and how clusters name GPUs."""
