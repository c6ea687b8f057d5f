"""A look-alike of ``lmdeploy serve api_server`` without a GPU, a model or an engine; see README.md.

Imports inside are relative: the image runs the package by its own name, the tests as part of ``images.stub``.
"""
