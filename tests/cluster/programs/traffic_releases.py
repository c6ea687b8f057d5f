"""What `make traffic` runs beside the local cluster."""

from __future__ import annotations

from tests.cluster.programs.release import Release

# The endpoint picker of the Gateway API.
INFERENCE_EXTENSION = Release(
    version="v1.5.0",
    module="sigs.k8s.io/gateway-api-inference-extension",
    packages={"endpoint-picker": "sigs.k8s.io/gateway-api-inference-extension/cmd/epp"},
    url="",
    # The types of two plugins' data are compared by the addresses of two examples, which are never the same: what
    # counts requests in flight and what reads the count cannot be configured together.
    mended={
        "pkg/epp/datalayer/data_graph.go": {
            "import (": 'import (\n\t"reflect"',
            "if producedData != consumedData {": (
                "if reflect.TypeOf(producedData) != reflect.TypeOf(consumedData) {"
            ),
        }
    },
)
# Of its seventy kinds of scalers those alone by which the HTTP add-on is reached: the clients of all the clouds, queues
# and databases would take an hour to build. What decides on replicas, and writes them, is all there.
KEDA = Release(
    version="v2.21.0",
    module="github.com/kedacore/keda/v2",
    packages={"keda-operator": "github.com/kedacore/keda/v2/cmd/operator"},
    linker_flags="-s -w -X github.com/kedacore/keda/v2/version.Version=2.21.0",
    url="",
    left_out=("pkg/scalers/*_scaler.go", "pkg/scalers/*_test.go"),
    mended={
        "pkg/scalers/external_scaler.go": {"externalMetricType,": "v2.ExternalMetricSourceType,"},
        "pkg/scalers/cpu_memory_scaler.go": {},
        "pkg/scaling/scalers_builder.go": {
            "\t// TRIGGERS-START\n\tswitch triggerType {\n": """\tswitch triggerType {
	case "external":
		return scalers.NewExternalScaler(config)
	case "external-push":
		return scalers.NewExternalPushScaler(config)
	}
	return nil, fmt.Errorf("this build has no scaler for %s", triggerType)
}

/*
""",
            "\t// TRIGGERS-END\n}\n": "*/\n",
        },
    },
)
KEDA_HTTP = Release(
    version="v0.15.0",
    module="github.com/kedacore/http-add-on",
    packages={
        f"keda-http-{part}": f"github.com/kedacore/http-add-on/{part}" for part in ("interceptor", "scaler")
    },
    url="",
)
TRAFFIC = (INFERENCE_EXTENSION, KEDA, KEDA_HTTP)
