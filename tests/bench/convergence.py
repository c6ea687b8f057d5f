"""When all resources are as they should be: every child exists, and every status is of the present spec.

Children are counted without being read, and the resources are read only when the count is right: waiting costs the
API server next to nothing, and the same for whoever makes the writes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.bench.workload import CHILDREN, DEPLOYMENTS, DISRUPTION_BUDGETS, RESOURCES
from tests.cluster.apiserver.async_waiting import until

if TYPE_CHECKING:
    from tests.cluster.apiserver.async_api import AsyncApi

LONGEST_SECONDS = 900.0


async def all_converged(api: AsyncApi, expected: int) -> None:
    """Wait until so many resources have all their children and a status of their present spec.

    Raises:
        TimeoutError: they do not.
    """
    await until(lambda: _children_exist(api, expected), LONGEST_SECONDS)
    await until(lambda: _observed(api, expected), LONGEST_SECONDS)


async def all_scaled(api: AsyncApi, expected: int, replicas: int) -> None:
    """Wait until so many Deployments have these replicas in their spec, and every status is of the present spec.

    Raises:
        TimeoutError: they do not.
    """
    await until(lambda: _scaled(api, expected, replicas), LONGEST_SECONDS)
    await until(lambda: _observed(api, expected), LONGEST_SECONDS)


async def all_gone(api: AsyncApi) -> None:
    """Wait until there is neither a resource nor a child.

    Raises:
        TimeoutError: something stays.
    """
    await until(lambda: _nothing_left(api), LONGEST_SECONDS)


async def _children_exist(api: AsyncApi, expected: int) -> bool:
    return all([await api.count(collection) == expected for collection in CHILDREN])


async def _scaled(api: AsyncApi, expected: int, replicas: int) -> bool:
    # kubectl shows a Deployment's READY as "ready/wanted".
    rows = await api.table(DEPLOYMENTS)
    return [row[1].partition("/")[2] for row in rows] == [str(replicas)] * expected


async def _nothing_left(api: AsyncApi) -> bool:
    return not any([await api.count(collection) for collection in (RESOURCES, *CHILDREN, DISRUPTION_BUDGETS)])


async def _observed(api: AsyncApi, expected: int) -> bool:
    items: list[dict[str, Any]] = (await api.ask("GET", RESOURCES))["items"]
    return len(items) == expected and all(
        item.get("status", {}).get("observedGeneration") == item["metadata"]["generation"] for item in items
    )
