"""Before the engine starts: scheduling, volumes, images, the download of the model."""

from __future__ import annotations

from internvl_operator.api.reasons import Outlook, Reason
from tests.unit.diagnosis_cases.case import (
    CLAIM,
    MISSING,
    NO_GPU,
    SCRATCH,
    TAINT,
    UNBOUND,
    Case,
    failed_download,
)
from tests.unit.pods import (
    at,
    condition,
    container,
    fetching,
    placed,
    pod,
    running,
    terminated,
    unscheduled,
    waiting,
)

CASES = {
    "no GPU is free": Case(
        Reason.WAITING_FOR_GPU,
        [unscheduled(NO_GPU, since=3)],
        (NO_GPU, at(3), "1 x NVIDIA-L4"),
        Outlook.WAITING,
    ),
    "not it: a taint": Case(Reason.UNSCHEDULABLE, [unscheduled(TAINT)], (TAINT,), Outlook.WAITING),
    "not it: scheduled, and not yet seen by its node": Case(
        None, [pod("x", condition("PodScheduled", True))]
    ),
    "a claim is unbound": Case(Reason.VOLUME_PENDING, [unscheduled(UNBOUND)], (UNBOUND,), Outlook.WAITING),
    "a claim does not exist": Case(
        Reason.VOLUME_PENDING, [unscheduled(MISSING)], (MISSING,), Outlook.STALLED
    ),
    "volumes are mounted": Case(
        Reason.VOLUME_PENDING,
        [
            pod(
                "x",
                condition("PodReadyToStartContainers", False, 4),
                containerStatuses=[container(waiting("ContainerCreating"))],
            )
        ],
        (at(4), "describe pod"),
        Outlook.PROGRESS,
        volumes=[SCRATCH, CLAIM],
    ),
    "not it: without a volume to mount": Case(
        None,
        [
            pod(
                "x",
                condition("PodReadyToStartContainers", False, 4),
                containerStatuses=[container(waiting("ContainerCreating"))],
            )
        ],
    ),
    "the image is pulled": Case(
        Reason.PULLING_IMAGE,
        [
            pod(
                "x",
                condition("PodReadyToStartContainers", True, 4),
                containerStatuses=[container(waiting("ContainerCreating"))],
            )
        ],
        (at(4),),
        Outlook.PROGRESS,
        volumes=[SCRATCH, CLAIM],
    ),
    "the image does not exist": Case(
        Reason.IMAGE_PULL_FAILED,
        [placed(container(waiting("ErrImagePull", "lmdeploy:v9: not found")))],
        ("cannot be pulled: lmdeploy:v9: not found;", "engine.image"),
        Outlook.STALLED,
    ),
    "the image does not exist, between two tries": Case(
        Reason.IMAGE_PULL_FAILED,
        [
            placed(
                container(
                    waiting(
                        "ImagePullBackOff",
                        'Back-off pulling image "lmdeploy:v9": ErrImagePull: lmdeploy:v9: not found',
                    )
                )
            )
        ],
        ("cannot be pulled: lmdeploy:v9: not found;",),
    ),
    "the downloader's image does not exist": Case(
        Reason.IMAGE_PULL_FAILED, [fetching(container(waiting("InvalidImageName"), name="model"))], ("model",)
    ),
    "the model is downloaded": Case(
        Reason.DOWNLOADING,
        [fetching(container(running(7), name="model", started=True))],
        ("OpenGVLab/InternVL2-8B, about 15", at(7)),
        Outlook.PROGRESS,
    ),
    "the download goes on after it broke off": Case(
        Reason.DOWNLOADING,
        [fetching(container(running(70), terminated(1, "ReadTimeout"), "model", restarts=1))],
        (at(70), "again after a failure"),
        Outlook.PROGRESS,
    ),
    "not it: another init container runs": Case(
        None, [fetching(container(running(7), name="istio-validation"))]
    ),
    "not it: a sidecar runs": Case(
        None, [fetching(container(running(7), name="model", ready=True, started=True))]
    ),
    "the hub is out of reach": Case(
        Reason.DOWNLOAD_FAILED,
        [failed_download("requests.exceptions.ConnectionError: Name or service not known")],
        ("hub cannot be reached", "model.source.huggingFace.endpoint"),
        Outlook.WAITING,
    ),
    "the hub stays out of reach": Case(
        Reason.DOWNLOAD_FAILED,
        [fetching(container(running(70), terminated(1, "ConnectTimeout"), "model", restarts=3))],
        ("hub cannot be reached",),
        Outlook.WAITING,
    ),
    "the repository is gated": Case(
        Reason.DOWNLOAD_FAILED,
        [failed_download("huggingface_hub.errors.GatedRepoError: 403 Client Error. (Request ID: 1)")],
        ("tokenSecretRef",),
        Outlook.STALLED,
    ),
    "there is no such repository": Case(
        Reason.DOWNLOAD_FAILED,
        [
            failed_download(
                "huggingface_hub.errors.RepositoryNotFoundError: 401 Client Error. (Request ID: 1)"
            )
        ],
        ("model.repository",),
        Outlook.STALLED,
    ),
    "there is no such revision, and it is tried again": Case(
        Reason.DOWNLOAD_FAILED,
        [fetching(container(running(70), terminated(1, "RevisionNotFoundError: 404 Client Error"), "model"))],
        ("model.revision",),
        Outlook.STALLED,
    ),
    "the hub's certificate is not trusted": Case(
        Reason.DOWNLOAD_FAILED,
        [
            failed_download(
                "SSLError: [SSL: CERTIFICATE_VERIFY_FAILED] unable to get local issuer certificate"
            )
        ],
        ("platformDefaults.caBundle",),
        Outlook.STALLED,
    ),
    "the disk is full": Case(
        Reason.DOWNLOAD_FAILED, [failed_download("OSError: [Errno 28] No space left on device")], ("is full",)
    ),
    "files are cut short": Case(
        Reason.DOWNLOAD_FAILED,
        [failed_download("a/b at main is not whole: x is cut short")],
        ("model.repository",),
    ),
    "a download fails in a way that nobody foresaw": Case(
        Reason.DOWNLOAD_FAILED,
        [failed_download("Boom", 7)],
        ("exit code 7: Boom", "kubectl logs"),
        Outlook.STALLED,
    ),
    "not it: the downloader is killed for its memory": Case(
        Reason.OOM_KILLED,
        [fetching(container(waiting("CrashLoopBackOff"), terminated(137, "", "OOMKilled"), "model"))],
        ("podTemplate.resources.limits",),
    ),
}
