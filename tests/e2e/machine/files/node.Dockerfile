# Stands in for kind's base image, which is Debian 13: its systemd refuses control groups of version 1, Debian 12's
# does not. The context holds node.tar, a Debian with kind's packages; files/, kind's own configuration and scripts;
# and the programs of a node in bin/ and cni/.
FROM scratch AS base
ADD node.tar /
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
COPY --chmod=0644 files/etc/ /etc/
COPY --chmod=0755 files/usr/local/bin/ /usr/local/bin/
COPY --chmod=0755 files/kind/bin/ /kind/bin/
COPY --chmod=0755 bin/ /usr/local/bin/
COPY --chmod=0755 cni/ /opt/cni/bin/
RUN find /etc -type d -exec chmod 755 {} + \
    && chmod 755 /kind /kind/bin /opt/cni \
    # Of systemd's own units only what a node needs is left, as in kind's image.
    && rm -f /lib/systemd/system/*.target.wants/*udev* /lib/systemd/system/*.target.wants/*initctl* \
        /lib/systemd/system/sysinit.target.wants/systemd-tmpfiles-setup.service \
        /lib/systemd/system/multi-user.target.wants/* /lib/systemd/system/local-fs.target.wants/* \
        /lib/systemd/system/basic.target.wants/* /etc/systemd/system/*.wants/* \
    && echo ReadKMsg=no >> /etc/systemd/journald.conf \
    && systemctl enable containerd.service kubelet.service undo-mount-hacks.service \
    && systemctl mask systemd-binfmt.service \
    && mkdir -p /etc/kubernetes/manifests \
    && ctr oci spec > /tmp/spec.json \
    && jq 'del(.process.rlimits) | .hooks.createContainer += [{"path": "/kind/bin/mount-product-files.sh"}]' \
        /tmp/spec.json > /etc/containerd/cri-base.json \
    && rm /tmp/spec.json \
    # A machine may lack CAP_SYS_RESOURCE, and still have control groups of version 1.
    && sed -i 's/\(restrict_oom_score_adj\) = false/\1 = true/' /etc/containerd/config.toml \
    && sed -i 's/^KUBELET_EXTRA_ARGS=/&--fail-cgroupv1=false /' /etc/default/kubelet

FROM scratch
COPY --from=base / /
ENV container=docker
STOPSIGNAL SIGRTMIN+3
ENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]
