"""Warnings that follow from the spec alone: they are no part of the stored plan."""
