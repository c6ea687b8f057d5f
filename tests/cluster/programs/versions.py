"""The versions of everything the local cluster and the tests run, and where each program comes from."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests.cluster.programs.release import Release
from tests.cluster.programs.traffic_releases import TRAFFIC

if TYPE_CHECKING:
    from collections.abc import Mapping


def _kubernetes(version: str) -> Release:
    major, minor, _ = version.removeprefix("v").split(".")
    commands = (
        "kube-apiserver",
        "kube-controller-manager",
        "kube-scheduler",
        "kubectl",
        "kubelet",
        "kube-proxy",
    )
    # Without the stamp the API server reports v0.0.0-master, which clients and admission code misread.
    stamp = " ".join(
        f"-X {package}.{variable}={value}"
        for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
        for variable, value in {"gitVersion": version, "gitMajor": major, "gitMinor": minor}.items()
    )
    return Release(
        version=version,
        module="k8s.io/kubernetes",
        packages={command: f"k8s.io/kubernetes/cmd/{command}" for command in commands},
        linker_flags=f"-s -w {stamp}",
    )


ETCD = Release(
    version="v3.7.3",
    module="go.etcd.io/etcd/server/v3",
    packages={"etcd": "go.etcd.io/etcd/server/v3"},
    github="etcd-io/etcd",
    asset="etcd-{version}-{os}-{arch}.tar.gz",
)
KUBERNETES = _kubernetes("v1.37.2")
KWOK = Release(
    version="v0.8.0",
    module="sigs.k8s.io/kwok",
    packages={"kwok": "sigs.k8s.io/kwok/cmd/kwok"},
    github="kubernetes-sigs/kwok",
    asset="kwok-{os}-{arch}",
)
# All of Argo CD: its command line and, under the names that ARGOCD_BINARY_NAME gives it, its servers.
# The last release whose module builds outside of its repository: 3.2.12 does not compile, and from 3.3 on
# a folder of the repository stands in for a module.
ARGO_CD = Release(
    version="v3.2.11",
    module="github.com/argoproj/argo-cd/v3",
    packages={"argocd": "github.com/argoproj/argo-cd/v3/cmd"},
    linker_flags="-s -w -X github.com/argoproj/argo-cd/v3/common.version=3.2.11",
    github="argoproj/argo-cd",
    asset="argocd-{os}-{arch}",
)
HELM = Release(
    version="v4.3.1",
    module="helm.sh/helm/v4",
    packages={"helm": "helm.sh/helm/v4/cmd/helm"},
    linker_flags="-s -w -X helm.sh/helm/v4/internal/version.version=v4.3.1",
    url="https://get.helm.sh/helm-{version}-{os}-{arch}.tar.gz",
)
HELM_DOCS = Release(
    version="v1.14.2",
    module="github.com/norwoodj/helm-docs",
    packages={"helm-docs": "github.com/norwoodj/helm-docs/cmd/helm-docs"},
    linker_flags="-s -w -X main.version=1.14.2",
    github="norwoodj/helm-docs",
    asset="helm-docs_{number}_Linux_x86_64.tar.gz",
)
HELM_UNITTEST = Release(
    version="v1.1.2",
    module="github.com/helm-unittest/helm-unittest",
    packages={"untt": "github.com/helm-unittest/helm-unittest/cmd/helm-unittest"},
    github="helm-unittest/helm-unittest",
    asset="helm-unittest-{os}-{arch}-{number}.tgz",
)
KUBECONFORM = Release(
    version="v0.8.0",
    module="github.com/yannh/kubeconform",
    packages={"kubeconform": "github.com/yannh/kubeconform/cmd/kubeconform"},
    linker_flags="-s -w -X main.version=v0.8.0",
    github="yannh/kubeconform",
    asset="kubeconform-{os}-{arch}.tar.gz",
)
KUBE_SCORE = Release(
    version="v1.20.0",
    module="github.com/zegl/kube-score",
    packages={"kube-score": "github.com/zegl/kube-score/cmd/kube-score"},
    linker_flags="-s -w -X main.version=1.20.0",
    github="zegl/kube-score",
    asset="kube-score_{number}_{os}_{arch}.tar.gz",
)
PROMETHEUS = Release(
    version="v3.15.0",
    module="github.com/prometheus/prometheus",
    packages={"promtool": "github.com/prometheus/prometheus/cmd/promtool"},
    linker_flags="-s -w -X github.com/prometheus/common/version.Version=3.15.0",
    github="prometheus/prometheus",
    asset="prometheus-{number}.{os}-{arch}.tar.gz",
    module_version="v0.315.0",
    # Without the discovery of targets in clouds, which promtool's checks of rules have no use for.
    build_tags="remove_all_sd",
)
ACTIONLINT = Release(
    version="v1.7.12",
    module="github.com/rhysd/actionlint",
    packages={"actionlint": "github.com/rhysd/actionlint/cmd/actionlint"},
    linker_flags="-s -w -X github.com/rhysd/actionlint.version=1.7.12",
    github="rhysd/actionlint",
    asset="actionlint_{number}_{os}_{arch}.tar.gz",
)
CONTAINERD = Release(
    version="v2.4.2",
    module="github.com/containerd/containerd/v2",
    packages={
        command: f"github.com/containerd/containerd/v2/cmd/{command}"
        for command in ("containerd", "containerd-shim-runc-v2", "ctr")
    },
    linker_flags="-s -w -X github.com/containerd/containerd/v2/version.Version=v2.4.2",
    github="containerd/containerd",
    asset="containerd-{number}-{os}-{arch}.tar.gz",
)
RUNC = Release(
    version="v1.5.2",
    module="github.com/opencontainers/runc",
    packages={"runc": "github.com/opencontainers/runc"},
    linker_flags="-s -w -X main.version=1.5.2",
    build_tags="seccomp",
    c_libraries=("libseccomp",),
    github="opencontainers/runc",
    asset="runc.{arch}",
)
CNI_PLUGINS = Release(
    version="v1.9.1",
    module="github.com/containernetworking/plugins",
    packages={
        plugin.rpartition("/")[2]: f"github.com/containernetworking/plugins/plugins/{plugin}"
        for plugin in ("main/bridge", "ipam/host-local")
    },
    github="containernetworking/plugins",
    asset="cni-plugins-{os}-{arch}-{version}.tgz",
)
KIND = Release(
    version="v0.33.0",
    module="sigs.k8s.io/kind",
    packages={"kind": "sigs.k8s.io/kind"},
    github="kubernetes-sigs/kind",
    asset="kind-{os}-{arch}",
)
# What follows is built only where no registry has kind's node image: the programs in it, beside those above.
KUBEADM = replace(KUBERNETES, packages={"kubeadm": "k8s.io/kubernetes/cmd/kubeadm"})
KIND_CNI_PLUGINS = replace(
    CNI_PLUGINS,
    packages={
        plugin.rpartition("/")[2]: f"github.com/containernetworking/plugins/plugins/{plugin}"
        for plugin in ("main/loopback", "main/ptp", "meta/portmap")
    },
)
# Compiled already, for KUBERNETES: with libraries of their own these programs take several times as long.
KUBERNETES_LIBRARIES = tuple(
    f"k8s.io/{library} {KUBERNETES.version.replace('v1.', 'v0.')}"
    for library in ("api", "apimachinery", "client-go", "component-base", "kubectl")
)
# The plugins of the Corefile that kubeadm writes. All of them would bring the clients of several clouds.
COREDNS_PLUGINS = (
    *("cache", "errors", "forward", "health", "kubernetes", "loadbalance", "loop", "metrics", "ready"),
    "reload",
)
COREDNS = Release(
    # As `kubeadm config images list` of KUBERNETES has it.
    version="v1.14.6",
    module="github.com/coredns/coredns",
    packages={"coredns": "."},
    url="",
    newer_modules=KUBERNETES_LIBRARIES,
    main="\n".join(
        [
            'package main\n\nimport "github.com/coredns/coredns/coremain"',
            *(f'import _ "github.com/coredns/coredns/plugin/{plugin}"' for plugin in COREDNS_PLUGINS),
            "\nfunc main() { coremain.Run() }\n",
        ]
    ),
)
LOCAL_PATH_PROVISIONER = Release(
    version="v0.0.30",
    module="github.com/rancher/local-path-provisioner",
    packages={"local-path-provisioner": "github.com/rancher/local-path-provisioner"},
    url="",
    newer_modules=KUBERNETES_LIBRARIES,
)
NETWORK_POLICIES = Release(
    version="v0.8.0",
    module="sigs.k8s.io/kube-network-policies",
    packages={"kube-network-policies": "sigs.k8s.io/kube-network-policies/cmd"},
    url="",
    newer_modules=KUBERNETES_LIBRARIES,
)
# What reads a Dockerfile that begins with "# syntax=docker/dockerfile:1".
BUILDKIT = Release(
    version="v0.34.2",
    module="github.com/moby/buildkit",
    packages={"dockerfile-frontend": "github.com/moby/buildkit/frontend/dockerfile/cmd/dockerfile-frontend"},
    url="",
)
CLUSTER = (ETCD, KUBERNETES, KWOK)
NODE = (CONTAINERD, RUNC, CNI_PLUGINS)
TOOLS = (ARGO_CD, HELM, HELM_DOCS, HELM_UNITTEST, KUBECONFORM, KUBE_SCORE, PROMETHEUS, ACTIONLINT)
KIND_NODE = (KIND, KUBEADM, KIND_CNI_PLUGINS, NETWORK_POLICIES, COREDNS, LOCAL_PATH_PROVISIONER, BUILDKIT)
NODE_PROGRAMS = ("kubelet", "kube-proxy", *(name for release in NODE for name in release.packages))
"""What a real node runs: on Linux, as root."""

CLUSTER_PROGRAMS = tuple(
    name for release in CLUSTER for name in release.packages if name not in NODE_PROGRAMS
)
"""What the local cluster itself runs; the tests use the others beside it."""

END_TO_END_PROGRAMS = tuple(name for release in KIND_NODE for name in release.packages)
"""What `make e2e` alone needs."""

TRAFFIC_PROGRAMS = tuple(name for release in TRAFFIC for name in release.packages)
"""What `make traffic` alone needs."""

RELEASE_OF: Mapping[str, Release] = {
    name: release for release in (*CLUSTER, *NODE, *TOOLS, *KIND_NODE, *TRAFFIC) for name in release.packages
}


class UnobtainableError(Exception):
    """A download or a build did not give the program; the message says why in one line."""
