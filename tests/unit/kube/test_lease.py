"""Whose lease it is, and when another may take it: decided from what was seen, on one's own clock."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from internvl_operator.kube.leader_election.lease import (
    Claim,
    Lease,
    Sighting,
    next_claim,
    released,
    seconds_until_free,
    seen,
)

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
THEIRS = Claim("other", 10, "2026-01-01T11:00:00.000000Z", "2026-01-01T11:59:59.000000Z", 3)


def test_a_lease_that_never_was_is_free() -> None:
    assert seen(None, None, 0.0) is None
    assert seconds_until_free(None, "me", 0.0) == 0


@pytest.mark.parametrize("renewed", ["1970-01-01T00:00:00.000000Z", "2099-01-01T00:00:00.000000Z"])
def test_the_clock_of_the_holder_decides_nothing(renewed: str) -> None:
    lease = Lease(Claim("other", 10, renewed, renewed, 0), "7")
    sighting = seen(None, lease, 100.0)
    assert seconds_until_free(sighting, "me", 100.0) == 8.0


def test_a_lease_that_stays_as_it_is_becomes_free_and_one_that_is_renewed_does_not() -> None:
    first = seen(None, Lease(THEIRS, "7"), 100.0)
    same = seen(first, Lease(THEIRS, "7"), 107.0)
    assert seconds_until_free(same, "me", 107.0) == 1.0
    assert seconds_until_free(same, "me", 109.0) == 0.0

    renewal = Claim("other", 10, THEIRS.acquired, "2026-01-01T12:00:00.000000Z", 3)
    renewed = seen(same, Lease(renewal, "8"), 107.5)
    assert seconds_until_free(renewed, "me", 109.0) == 6.5


def test_an_annotation_renews_nothing() -> None:
    first = seen(None, Lease(THEIRS, "7"), 100.0)
    assert seen(first, Lease(THEIRS, "8"), 105.0) == Sighting(Lease(THEIRS, "8"), 100.0)


def test_a_deleted_lease_is_respected_until_it_would_have_run_out() -> None:
    gone = seen(seen(None, Lease(THEIRS, "7"), 100.0), None, 103.0)
    assert gone is not None
    assert gone.lease.version == "", "to be created anew"
    assert seconds_until_free(gone, "me", 103.0) == 5.0
    assert seconds_until_free(gone, "me", 108.0) == 0.0


def test_a_released_lease_and_ones_own_are_free_at_once() -> None:
    for holder in ("", "me"):
        lease = Lease(Claim(holder, 10, "", "", 0), "7")
        assert seconds_until_free(seen(None, lease, 100.0), "me", 100.0) == 0


def test_taking_counts_a_transition_and_renewing_keeps_when_it_was_taken() -> None:
    taken = next_claim(Sighting(Lease(THEIRS, "7"), 0.0), "me", 15, NOON)
    assert taken == Claim("me", 15, "2026-01-01T12:00:00.000000Z", "2026-01-01T12:00:00.000000Z", 4)

    renewed = next_claim(Sighting(Lease(taken, "8"), 0.0), "me", 15, NOON.replace(second=5))
    assert (renewed.acquired, renewed.renewed) == (taken.acquired, "2026-01-01T12:00:05.000000Z")
    assert renewed.transitions == 4
    assert released(renewed).holder == ""
    assert next_claim(None, "me", 15, NOON).transitions == 0
