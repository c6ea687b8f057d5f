"""The planner page: what it asks, and what it answers. It runs in a browser, without any installed package."""
