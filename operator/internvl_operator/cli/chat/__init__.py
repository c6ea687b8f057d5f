"""``internvl chat`` and ``internvl smoke``: the verbs that talk to a served model."""
