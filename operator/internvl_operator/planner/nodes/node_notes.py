"""Notes on nodes whose GPUs the plan does not use: short, however many nodes and causes there are."""

from collections.abc import Collection, Mapping, Sequence

_MOST_NAMES = 3
_MOST_CAUSES = 8


def left_out_notes(names_by_cause: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return a note for each cause, in a stable order.

    Args:
        names_by_cause: the names of the nodes that are left out for one cause, by its words.
    """
    causes = sorted(names_by_cause)
    notes = [f"left out, {cause}: {some(names_by_cause[cause])}" for cause in causes[:_MOST_CAUSES]]
    # Each node may have a taint of its own, and the notes go into the status and into an annotation.
    others = [name for cause in causes[_MOST_CAUSES:] for name in names_by_cause[cause]]
    return (*notes, f"left out, other causes: {some(others)}") if others else tuple(notes)


def implausible_notes(names_by_label: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return a note for each label, as ``key=value``, that cannot be true, in a stable order."""
    labels = sorted(names_by_label)
    notes = [f"not used, as it cannot be true: {label} of {some(names_by_label[label])}" for label in labels]
    more = len(notes) - _MOST_CAUSES
    return (*notes[:_MOST_CAUSES], f"and {more} more such labels") if more > 0 else tuple(notes)


def some(names: Collection[str]) -> str:
    """Return the first names, and how many there are beside them."""
    shown = ", ".join(sorted(names)[:_MOST_NAMES])
    more = len(names) - _MOST_NAMES
    return f"{shown} and {more} more" if more > 0 else shown
