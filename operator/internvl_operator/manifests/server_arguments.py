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
    """Return the name under which clients ask for the model when none is given."""
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
    """Return the arguments after ``lmdeploy serve api_server``; all flags are known to the plan's release.

    Args:
        plan: the plan by which the model runs.
        model_name: the name under which clients ask for the model; empty for the name of the repository.
        port: the server's port.
        extra_args: further arguments of the spec; they come last.
        has_api_key: clients must send the key in the environment variable API_KEY.
        has_tls: the server speaks HTTPS, with the files that environment variables name.

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
