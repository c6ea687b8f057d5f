"""Rules of a resource that follow from the catalogue."""
