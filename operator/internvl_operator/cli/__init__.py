"""The command ``internvl``: one module per verb, ``VERB_command.py``, and what verbs share."""
