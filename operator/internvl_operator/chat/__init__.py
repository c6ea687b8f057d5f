"""Speaks to a served model through its OpenAI-compatible API. Needs the extra ``tools``."""
