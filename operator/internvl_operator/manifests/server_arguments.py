"""The command line of ``lmdeploy serve api_server``.

Why: docs/design/007-no-right-on-secrets.md
"""

from collections.abc import Sequence

from internvl_operator.catalog.engines import engine
from internvl_operator.catalog.spec_flags import Launch, launch_arguments
from internvl_operator.planner.plan import Plan

DEFAULT_PORT = 23333
MODELS_DIRECTORY = "/models"
COMMAND = ("lmdeploy", "serve", "api_server")


def model_directory(plan: Plan) -> str:
    """Return the directory of the model's files in the container.

    The directory keeps the repository's name: LMDeploy up to 0.9.2 chooses the chat template by it.
    """
    return f"{MODELS_DIRECTORY}/{plan.repository.rsplit('/', 1)[1]}"


def served_name(plan: Plan) -> str:
    """Return the default of ``server.modelName``, the name under which clients ask for the model.

    Example:
        >>> from internvl_operator import plan
        >>> served_name(plan("8B", quantization="AWQ", gpu="L4"))
        'InternVL2-8B'
    """
    return plan.repository.rsplit("/", 1)[1].removesuffix("-AWQ")


def server_arguments(
    plan: Plan,
    model_name: str = "",
    port: int = DEFAULT_PORT,
    extra_args: Sequence[str] = (),
    *,
    has_api_key: bool = False,
    has_tls: bool = False,
) -> list[str]:
    """Return the arguments after ``lmdeploy serve api_server``; the plan's LMDeploy release knows all of the flags.

    Args:
        plan: the plan by which the model runs.
        model_name: the name under which clients ask for the model; empty for ``served_name(plan)``.
        port: the server's port.
        extra_args: the spec's ``engine.extraArgs``; they come last.
        has_api_key: whether clients must send the key that the container has in the variable API_KEY.
        has_tls: whether the server speaks HTTPS, with the files that SSL_KEYFILE and SSL_CERTFILE name.

    Example:
        >>> from internvl_operator import plan
        >>> server_arguments(plan("2B", gpu="L4"))[:3]
        ['/models/InternVL2-2B', '--model-name', 'InternVL2-2B']
    """
    launch = Launch(
        release=engine(plan.engine),
        model=plan.model,
        model_name=model_name or served_name(plan),
        backend=plan.backend,
        port=port,
        tp=plan.tp,
        awq=plan.awq,
        float16=plan.float16,
        options=plan.options,
        has_api_key=has_api_key,
        has_tls=has_tls,
    )
    return [model_directory(plan), *launch_arguments(launch), *extra_args]
