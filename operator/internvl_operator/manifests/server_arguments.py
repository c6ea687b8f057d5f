"""The command line of ``lmdeploy serve api_server``."""

from collections.abc import Sequence

from internvl_operator.catalog.engines import engine
from internvl_operator.catalog.models import MODELS
from internvl_operator.planner.plan import Plan

DEFAULT_PORT = 23333
API_KEY_VARIABLE = "API_KEY"
MODELS_DIRECTORY = "/models"
COMMAND = ("lmdeploy", "serve", "api_server")


def model_directory(plan: Plan) -> str:
    """Return where the model's files are.

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
    """Return the arguments after ``lmdeploy serve api_server``, only flags that the release knows.

    The API key stands there by reference: LMDeploy takes keys as arguments alone, and Kubernetes puts it in
    when the container starts.
    """
    release = engine(plan.engine)
    flags = {
        "--model-name": model_name or served_name(plan),
        "--backend": plan.backend.value,
        "--server-port": str(port),
        "--tp": str(plan.tp),
        "--session-len": str(plan.session_len),
        "--max-batch-size": str(plan.max_batch_size),
        "--cache-max-entry-count": f"{plan.memory.cache_max_entry_count:g}",
    }
    if plan.quant_policy:
        flags["--quant-policy"] = str(plan.quant_policy)
    if plan.awq:
        flags["--model-format"] = "awq"
    # Where the release would go by the directory's name, which a fine-tune's repository chooses.
    if template := release.chat_template_for(MODELS[plan.size].language.architecture):
        flags["--chat-template"] = template
    if plan.float16 and release.supports("--dtype"):
        flags["--dtype"] = "float16"
    arguments = [model_directory(plan), *(part for pair in flags.items() for part in pair)]
    if release.requires_trust_remote_code:
        arguments.append("--trust-remote-code")
    if release.metrics_flag and plan.backend in release.metrics_backends:
        arguments.append(release.metrics_flag)
    if has_api_key:
        arguments += ["--api-keys", f"$({API_KEY_VARIABLE})"]
    if has_tls:
        arguments.append("--ssl")
    return [*arguments, *extra_args]
