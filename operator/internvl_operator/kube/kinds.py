"""The kinds that the operator and the command line work with."""

from internvl_operator.api.v1alpha1 import API_VERSION, KIND, PLURAL
from internvl_operator.kube.port import Kind

RESOURCE = Kind(API_VERSION, KIND, PLURAL)
DEPLOYMENT = Kind("apps/v1", "Deployment", "deployments")
SERVICE = Kind("v1", "Service", "services")
NETWORK_POLICY = Kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies")
PERSISTENT_VOLUME_CLAIM = Kind("v1", "PersistentVolumeClaim", "persistentvolumeclaims")
POD_DISRUPTION_BUDGET = Kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets")
HORIZONTAL_POD_AUTOSCALER = Kind("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers")
POD_MONITOR = Kind("monitoring.coreos.com/v1", "PodMonitor", "podmonitors")
JOB = Kind("batch/v1", "Job", "jobs")
EVENT = Kind("v1", "Event", "events")
LEASE = Kind("coordination.k8s.io/v1", "Lease", "leases")
POD = Kind("v1", "Pod", "pods")
CONFIG_MAP = Kind("v1", "ConfigMap", "configmaps")
SECRET = Kind("v1", "Secret", "secrets")
NODE = Kind("v1", "Node", "nodes", namespaced=False)

BUILT_IN_CHILDREN = (
    NETWORK_POLICY,
    PERSISTENT_VOLUME_CLAIM,
    SERVICE,
    DEPLOYMENT,
    POD_DISRUPTION_BUDGET,
    HORIZONTAL_POD_AUTOSCALER,
)
"""The kinds of children that every cluster has."""

OPTIONAL_CHILDREN = (POD_MONITOR,)
"""The kinds of children that a cluster may have."""

CHILDREN = {kind.kind: kind for kind in (*BUILT_IN_CHILDREN, *OPTIONAL_CHILDREN)}
"""Every kind of child."""
