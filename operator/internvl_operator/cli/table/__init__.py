"""``internvl table``: memory or plans of many configurations, as a table or a plot."""
