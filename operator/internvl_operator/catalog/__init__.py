"""Facts that the planner and the renderer rest on: models, engines, GPUs."""
