"""Warnings that follow from the spec alone: they are no part of the plan that is kept beside what runs."""
