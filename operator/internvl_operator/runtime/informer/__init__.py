"""Kopf as informer: the only package that knows of it, and what of Kopf nobody promises."""
