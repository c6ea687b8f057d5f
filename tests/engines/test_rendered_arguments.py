"""Every command line that the operator renders, read by the released parsers."""

import itertools
from collections import defaultdict
from functools import cache

import pytest

from internvl_operator.catalog.engine_options import EngineOptions
from internvl_operator.catalog.engines import engine
from internvl_operator.catalog.models import MODELS, Model
from internvl_operator.cli.table.plan_table import USUAL_GPUS
from internvl_operator.manifests.server_arguments import server_arguments
from internvl_operator.planner.nodes.inventory import given_gpu
from internvl_operator.planner.parallelism import check_parallelism
from internvl_operator.planner.plan import make_plan
from internvl_operator.planner.request import GpuRequest, PlanRequest
from tests.engines.parse import parse_errors

pytestmark = [pytest.mark.network, pytest.mark.timeout(600)]

GPUS = (1, 2, 4, 8)


@cache
def _rendered(version: str, model: Model) -> dict[tuple[bool, int], set[tuple[str, ...]]]:
    """Return the command lines of the plans for each GPU and KV cache, by quantization and number of GPUs."""
    rendered: dict[tuple[bool, int], set[tuple[str, ...]]] = defaultdict(set)
    for product, awq, tp, bits in itertools.product(USUAL_GPUS, (False, True), GPUS, (0, 4, 8)):
        gpu = GpuRequest(product=product)
        request = PlanRequest(
            model.size,
            awq,
            tp=tp,
            engine=version,
            options=EngineOptions(quant_policy=bits),
            gpu=gpu,
            series=model.series,
        )
        plan = make_plan(request, given_gpu(gpu), explains_options=False)
        if plan.is_ok:
            extra = ["--log-level", "INFO"]
            arguments = server_arguments(plan, extra_args=extra, has_api_key=True, has_tls=True)
            rendered[awq, plan.gpus].add(tuple(arguments))
    return rendered


@cache
def _errors(version: str) -> dict[tuple[str, ...], str | None]:
    """Return what a release's parser says about each command line of every model: it starts once."""
    lines = sorted(
        set().union(*(set().union(*_rendered(version, model).values()) for model in MODELS.values()))
    )
    return dict(zip(lines, parse_errors(version, [list(line) for line in lines]), strict=True))


def _possible(version: str, model: Model) -> set[tuple[bool, int]]:
    """Return the quantizations and numbers of GPUs that the release accepts for a model."""
    release = engine(version)
    if not release.serves(model.series):
        return set()
    backend = release.backends_for(model.language.architecture)[0]
    return {
        (awq, tp)
        for awq, tp in itertools.product((False, True) if model.awq_repository else (False,), GPUS)
        if not check_parallelism(model.language, model.vision, awq, backend, tp, release)
    }


@pytest.mark.parametrize("model", MODELS.values(), ids=lambda model: model.name)
def test_the_released_parser_accepts_every_rendered_command_line(released: str, model: Model) -> None:
    rendered = _rendered(released, model)
    too_large = {(False, 1)} if model.size in ("76B", "78B") else set()
    assert rendered.keys() == _possible(released, model) - too_large
    errors = _errors(released)
    assert {errors[line] for lines in rendered.values() for line in lines} <= {None}
