"""The kinds that the operator and the command line work with; those of children follow from ``CHILD_KINDS``."""

from internvl_operator.api.v1alpha1 import API_VERSION, KIND, PLURAL
from internvl_operator.kube.port import Kind
from internvl_operator.manifests.children import CHILD_KINDS

CHILDREN = {child.kind: Kind(child.api_version, child.kind, child.plural) for child in CHILD_KINDS}
"""Every kind of child, by its name."""

CHILD_NAMES = tuple(sorted((child.kind, child.suffix) for child in CHILD_KINDS))
"""Kind of every child, and what its name has behind the resource's name."""

BUILT_IN_CHILDREN = tuple(
    dict.fromkeys(CHILDREN[child.kind] for child in CHILD_KINDS if not child.is_optional)
)
"""The kinds of children that every cluster has."""

OPTIONAL_CHILDREN = tuple(CHILDREN[child.kind] for child in CHILD_KINDS if child.is_optional)
"""The kinds of children that a cluster may have."""

DEPLOYMENT = CHILDREN["Deployment"]
SERVICE = CHILDREN["Service"]
NETWORK_POLICY = CHILDREN["NetworkPolicy"]
PERSISTENT_VOLUME_CLAIM = CHILDREN["PersistentVolumeClaim"]
POD_DISRUPTION_BUDGET = CHILDREN["PodDisruptionBudget"]
HORIZONTAL_POD_AUTOSCALER = CHILDREN["HorizontalPodAutoscaler"]
INTERCEPTOR_ROUTE = CHILDREN["InterceptorRoute"]
SCALED_OBJECT = CHILDREN["ScaledObject"]
POD_MONITOR = CHILDREN["PodMonitor"]
HTTP_ROUTE = CHILDREN["HTTPRoute"]
INFERENCE_POOL = CHILDREN["InferencePool"]
RESOURCE = Kind(API_VERSION, KIND, PLURAL)
JOB = Kind("batch/v1", "Job", "jobs")
EVENT = Kind("v1", "Event", "events")
LEASE = Kind("coordination.k8s.io/v1", "Lease", "leases")
POD = Kind("v1", "Pod", "pods")
CONFIG_MAP = Kind("v1", "ConfigMap", "configmaps")
SECRET = Kind("v1", "Secret", "secrets")
NODE = Kind("v1", "Node", "nodes", namespaced=False)
SELF_REVIEW = Kind(
    "authorization.k8s.io/v1", "SelfSubjectAccessReview", "selfsubjectaccessreviews", namespaced=False
)
