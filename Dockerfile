# recovery-ops as an image. Target `runtime` is what runs against AWS; target `sandbox` adds AWS on this machine.
# Everything comes from the hash-locked files in requirements/. No layer holds a secret: they arrive when a container starts.

FROM python:3.12.12-slim-bookworm@sha256:593bd06efe90efa80dc4eee3948be7c0fde4134606dd40d8dd8dbcade98e669c AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_NO_CACHE=1
WORKDIR /build
COPY requirements/bootstrap.lock requirements/build.lock requirements/runtime.lock requirements/
RUN python -m venv /opt/build \
 && /opt/build/bin/pip install --require-hashes -r requirements/bootstrap.lock -r requirements/build.lock \
 && python -m venv --without-pip /opt/recovery-ops \
 && /opt/build/bin/uv pip install --python /opt/recovery-ops --require-hashes --no-deps -r requirements/runtime.lock
COPY pyproject.toml README.md LICENSE ./
COPY recovery_ops recovery_ops
RUN /opt/build/bin/hatchling build -t wheel -d dist \
 && /opt/build/bin/uv pip install --python /opt/recovery-ops --no-deps dist/recovery_ops-*.whl

# What the sandbox needs on top; moto and its like never reach the image that speaks to AWS.
FROM build AS build-sandbox
COPY requirements/sandbox.lock requirements/
RUN /opt/build/bin/uv pip install --python /opt/recovery-ops --require-hashes --no-deps -r requirements/sandbox.lock

FROM python:3.12.12-slim-bookworm@sha256:593bd06efe90efa80dc4eee3948be7c0fde4134606dd40d8dd8dbcade98e669c AS base
RUN groupadd --gid 10001 recovery \
 && useradd --uid 10001 --gid recovery --create-home --home-dir /var/lib/recovery-ops --shell /usr/sbin/nologin recovery
ENV PATH=/opt/recovery-ops/bin:$PATH \
    HOME=/var/lib/recovery-ops \
    AIRFLOW_HOME=/var/lib/recovery-ops/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/srv/recovery-ops/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/srv/recovery-ops/plugins \
    RECOVERY_OPS_CATALOGS=/srv/recovery-ops/dags \
    RECOVERY_OPS_SPOOL=/var/lib/recovery-ops/spool \
    GX_ANALYTICS_ENABLED=false \
    OPENBLAS_NUM_THREADS=1 \
    PYTHONUNBUFFERED=1
COPY dags /srv/recovery-ops/dags
COPY plugins /srv/recovery-ops/plugins
WORKDIR /var/lib/recovery-ops
USER 10001:10001
# Of the default command; a container that runs something else says how its health is asked.
HEALTHCHECK --interval=30s --timeout=10s --start-period=90s --retries=3 CMD ["python", "-m", "recovery_ops.airflow.health"]
CMD ["airflow", "api-server"]

FROM base AS sandbox
COPY --from=build-sandbox /opt/recovery-ops /opt/recovery-ops

FROM base AS runtime
COPY --from=build /opt/recovery-ops /opt/recovery-ops
