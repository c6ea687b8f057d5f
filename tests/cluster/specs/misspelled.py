"""A wrong spec for each text whose spelling a rule of its own checks."""

from __future__ import annotations

from internvl_operator.api.rules import spellings
from internvl_operator.api.rules.spellings import Spelling
from tests.cluster.specs.constraints import API_KEY, NAMES, POD, SECRET, SOURCE, routed
from tests.cluster.specs.table import WrongSpec, at


def _misspelled(path: str, spelling: Spelling, value: str, /, **beside: object) -> WrongSpec:
    """A spec whose only fault is how a text at ``path`` is spelled."""
    return WrongSpec(
        name=f"{path} misspelled",
        spec=at(path, value, **beside),
        says=spelling.message,
        parse_says=spelling.message,
        field=f"spec.{path.replace('[]', '[0]').replace('{}', '.key')}",
    )


def _misspelled_amount(of: str) -> WrongSpec:
    """A spec whose requests or limits (``of``) hold a wrong amount of CPU."""
    path = f"{POD}.resources.{of}"
    message = spellings.QUANTITY.message
    return WrongSpec(f"{path} misspelled", at(path, {"cpu": "-1"}), message, message, f"spec.{path}[cpu]")


MISSPELLED: tuple[WrongSpec, ...] = (
    _misspelled("gpu.product", spellings.PRODUCT, "NVIDIA A100"),
    _misspelled("engine.image", spellings.IMAGE, "Example.com/lmdeploy"),
    _misspelled("model.revision", spellings.REVISION, "--help"),
    _misspelled(f"{SECRET}.key", spellings.SECRET_KEY, "a/b", name="hub"),
    _misspelled(f"{SOURCE}.image.reference", spellings.IMAGE, "example.com/in tern"),
    _misspelled("server.modelName", spellings.MODEL_NAME, "-model"),
    _misspelled(f"{API_KEY}.key", spellings.SECRET_KEY, "a/b", name="keys"),
    _misspelled("rollout.acceptedRevision", spellings.ACCEPTED_REVISION, "Latest"),
    _misspelled("rollout.restartedAt", spellings.RESTART_TIME, "12 o'clock"),
    _misspelled("gateway.parentRefs[].name", spellings.DNS_NAME, "Inference"),
    _misspelled("gateway.parentRefs[].namespace", spellings.DNS_LABEL, "a.b", name="inference"),
    _misspelled("gateway.parentRefs[].sectionName", spellings.DNS_NAME, "-", name="inference"),
    routed(_misspelled("gateway.hostnames[]", spellings.HOSTNAME, "https://captions.example.com")),
    *(_misspelled_amount(of) for of in ("requests", "limits")),
    *(_misspelled(path, spellings.OBJECT_NAME, "Upper_Case", **beside) for path, beside in NAMES),
)
