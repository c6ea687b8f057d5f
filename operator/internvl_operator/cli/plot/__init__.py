"""What the verbs with an option ``--plot`` share."""
