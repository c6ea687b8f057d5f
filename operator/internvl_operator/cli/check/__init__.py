"""The verbs that look at an installation: ``check`` and ``version``."""
