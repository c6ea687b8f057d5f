"""The command ``internvl``, one module per verb."""
