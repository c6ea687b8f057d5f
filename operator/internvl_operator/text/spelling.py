"""Names in Python's spelling and in Kubernetes's: ``gpu_memory_mib`` is ``gpuMemoryMiB``."""

import re


def to_kubernetes(name: str) -> str:
    """Return an attribute's name in camelCase, with the unit MiB as it is written."""
    first, *others = name.split("_")
    return "".join([first, *(part.capitalize() for part in others)]).replace("Mib", "MiB")


def to_python(name: str) -> str:
    """Return a field's name in snake_case."""
    return re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", name.replace("MiB", "Mib"))
