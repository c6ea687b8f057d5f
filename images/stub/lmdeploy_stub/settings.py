"""What the environment says: how the stub loads, answers and fails."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from internvl_operator.catalog.engine import Engine
from internvl_operator.catalog.engines import DEFAULT_VERSION, engine


class Failure(StrEnum):
    """A failure on demand, as ``STUB_FAIL`` spells it; the first two while loading, the others in service."""

    NONE = ""
    OUT_OF_MEMORY = "oom"
    HANG_IN_WARMUP = "hang-in-warmup"
    UNHEALTHY = "unhealthy"
    SLOW = "slow"
    CRASH = "crash"


@dataclass(frozen=True, slots=True)
class Settings:
    """The stub's settings; README.md has the table of the variables.

    Attributes:
        engine: the LMDeploy release to look like.
        load_seconds: time between the start and the open port.
        initializing_seconds: time after that in which ``/health`` says "initializing".
        token_seconds: time for one token of an answer.
        prompt_token_seconds: time for one token of a prompt; prompts are read one after the other, as by one GPU.
        slow_token_seconds: the same as ``token_seconds`` while the failure is ``slow``.
        allow_missing_model: a model directory that does not exist is served all the same.
        keep_alive_seconds: how long an idle connection stays open (uvicorn's own variable).
        image_fetch_seconds: time limit for the download of one image (LMDeploy's own variable).
        failure: the failure on demand, unless ``failure_file`` says another.
        failure_file: a file that holds the name of the failure; it may change at any time.
        certificate: paths of the TLS key and certificate that ``--ssl`` needs; None: they are not given.
    """

    engine: Engine
    load_seconds: float = 0
    initializing_seconds: float = 0
    token_seconds: float = 0
    prompt_token_seconds: float = 0
    slow_token_seconds: float = 1
    allow_missing_model: bool = False
    keep_alive_seconds: float = 5
    image_fetch_seconds: float = 10
    failure: Failure = Failure.NONE
    failure_file: Path | None = None
    certificate: tuple[str, str] | None = None

    def current_failure(self) -> Failure:
        """Return the failure that is asked for now.

        Raises:
            ValueError: the file holds no name of a failure.
        """
        if self.failure_file is None or not self.failure_file.exists():
            return self.failure
        return Failure(self.failure_file.read_text(encoding="utf-8").strip())


def settings_from(environment: Mapping[str, str]) -> Settings:
    """Read the settings.

    Raises:
        ValueError: a variable has no usable value, or the release is not in the catalogue.
    """
    failure_file = environment.get("STUB_FAIL_FILE")
    key, certificate = environment.get("SSL_KEYFILE"), environment.get("SSL_CERTFILE")
    return Settings(
        engine=engine(environment.get("STUB_ENGINE_VERSION", DEFAULT_VERSION)),
        load_seconds=float(environment.get("STUB_LOAD_SECONDS", "0")),
        initializing_seconds=float(environment.get("STUB_INITIALIZING_SECONDS", "0")),
        token_seconds=float(environment.get("STUB_TOKEN_SECONDS", "0")),
        prompt_token_seconds=float(environment.get("STUB_PROMPT_TOKEN_SECONDS", "0")),
        slow_token_seconds=float(environment.get("STUB_SLOW_TOKEN_SECONDS", "1")),
        allow_missing_model=environment.get("STUB_ALLOW_MISSING_MODEL", "") == "1",
        keep_alive_seconds=float(environment.get("UVICORN_TIMEOUT_KEEP_ALIVE", "5")),
        image_fetch_seconds=float(environment.get("LMDEPLOY_IMAGE_FETCH_TIMEOUT", "10")),
        failure=Failure(environment.get("STUB_FAIL", "")),
        failure_file=Path(failure_file) if failure_file else None,
        certificate=(key, certificate) if key and certificate else None,
    )
