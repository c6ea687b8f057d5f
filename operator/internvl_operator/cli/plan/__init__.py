"""``internvl plan``: one plan, as text, JSON or a command line."""
