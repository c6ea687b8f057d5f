# Stand-ins for the images that the project's own Dockerfiles begin with, where no registry can be reached. The context
# holds python.tar, a Debian with its Python; this machine's certificates; and the programs uv and dockerfile-frontend.
FROM scratch AS python
ADD python.tar /
# Where the way to the package index re-signs TLS, only this machine's certificates make it valid. uv and pip bring
# their own unless they are told.
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
    PIP_CERT=/etc/ssl/certs/ca-certificates.crt \
    PATH=/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin
# The names of the official image; and its pip installs where it is told, which Debian's refuses.
RUN ln -s /usr/bin/python3 /usr/local/bin/python \
    && ln -s /usr/bin/python3 /usr/local/bin/python3 \
    && ln -s /usr/bin/pip3 /usr/local/bin/pip \
    && rm -f /usr/lib/python3*/EXTERNALLY-MANAGED
CMD ["python3"]

FROM scratch AS uv
COPY uv /uv
ENTRYPOINT ["/uv"]

FROM scratch AS dockerfile-frontend
COPY dockerfile-frontend /bin/dockerfile-frontend
ENTRYPOINT ["/bin/dockerfile-frontend"]
