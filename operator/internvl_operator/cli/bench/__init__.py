"""``internvl bench``: how fast a served model answers, measured beside its plan."""
