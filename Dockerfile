# The image of a pod: `make image`. Needs BuildKit (Docker 23 or newer) or buildah (podman 4 or newer).
#
# BASE is an image with Python 3.11 or newer and its venv module; for an offline mirror, or to pin by digest:
#   make image BASE=mirror.example/python:3.13-slim-trixie
ARG BASE=python:3.13-slim-trixie

FROM ${BASE} AS build
WORKDIR /build
COPY requirements.image.lock requirements.image-build.lock ./
# pip's configuration and certificates are mounted, where there are some: neither a layer nor the history holds them.
RUN --mount=type=secret,id=pip,target=/etc/pip.conf --mount=type=secret,id=pip-ca \
    python3 -m venv /tools \
    && python3 -m venv --without-pip /opt/realtime \
    && /tools/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements.image-build.lock \
    && /tools/bin/pip --python /opt/realtime/bin/python install --no-cache-dir --no-compile \
        --require-hashes --only-binary :all: -r requirements.image.lock
COPY pyproject.toml README.md LICENSE ./
COPY service service
RUN /tools/bin/pip wheel --no-cache-dir --no-deps --no-index --no-build-isolation --wheel-dir dist . \
    && /tools/bin/pip --python /opt/realtime/bin/python install --no-cache-dir --no-compile --no-deps --no-index dist/*.whl

FROM ${BASE} AS runtime
COPY --from=build /opt/realtime /opt/realtime
RUN --mount=type=bind,source=deploy/image/slim.sh,target=/tmp/slim.sh sh /tmp/slim.sh

# One layer of what is left: what slim.sh has removed is nowhere in the image.
FROM scratch
COPY --from=runtime / /
ARG VERSION=
ARG REVISION=
ARG SOURCE=
LABEL org.opencontainers.image.title="realtime" \
    org.opencontainers.image.description="Carries facts from Kafka topics to exactly the browsers that may see them." \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}" \
    org.opencontainers.image.source="${SOURCE}"
# Nothing is written: the root file system may be read-only, and all is compiled.
ENV PATH=/opt/realtime/bin:/usr/local/bin:/usr/bin:/bin \
    LANG=C.UTF-8 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
# A number, for `runAsNonRoot` cannot look up a name.
USER 10001:10001
WORKDIR /
EXPOSE 3009
STOPSIGNAL SIGTERM
# Alive, not ready: what restarts unhealthy containers must not restart all pods because Redis is away.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["python", "-m", "realtime.healthcheck"]
ENTRYPOINT ["realtime"]
CMD ["serve"]
