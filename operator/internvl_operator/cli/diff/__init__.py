"""The verb ``diff``: what waits for consent, and what an edit would do."""
