"""What a model needs and how it is run: pure functions of the request and the GPUs."""
