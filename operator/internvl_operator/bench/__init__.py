"""Measures how fast a served model answers under a load. Needs no package that the operator does without."""
