"""Parts of the platform defaults."""
