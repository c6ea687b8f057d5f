"""``internvl bench``: how fast a served model answers, compared with its plan."""
