# One image for the API, the worker and the one-shot commands: what differs is the command.
#   docker build --tag foldin .
#   docker run --rm --env FOLDIN_API_KEYS --publish 127.0.0.1:8000:8000 --volume foldin:/data foldin

ARG PYTHON_IMAGE=python:3.13-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PATH=/opt/foldin/bin:/opt/python/bin:$PATH
WORKDIR /source
RUN apt-get update -qq && apt-get install -qq --yes --no-install-recommends binutils
RUN ["python", "-m", "venv", "/opt/python"]
COPY requirements.lock ./
RUN ["pip", "install", "--no-compile", "--no-deps", "--only-binary", ":all:", "--require-hashes", "--requirement", "requirements.lock"]
COPY pyproject.toml README.md ./
COPY app app
COPY migrations migrations
COPY deploy/slim.py deploy/slim.py
# The project lies beside its dependencies, so that a new release is a small layer on a large one that stays.
RUN pip install --no-compile --no-deps --no-build-isolation --target /opt/foldin . \
    && pip uninstall --yes setuptools pip \
    && python deploy/slim.py /opt/python /opt/foldin

# A trial of what was built. It also leaves what it compiled where a read-only container finds it: Python's modules, of
# which most are never imported, and the kernels, so that neither the first training nor the first answer compiles on a
# processor like this one.
ENV NUMBA_CACHE_DIR=/opt/foldin/kernels
RUN export FOLDIN_DATA_DIR=/tmp/trial \
    && python -c "print('user_id,item_id,rating'); [print(u, i, u * i % 5 + 1, sep=',') for u in range(60) for i in range(0, 40, 1 + u % 3)]" > /tmp/trial.csv \
    && foldin import /tmp/trial.csv \
    && python -P -c "import pkgutil, app; [__import__(found.name) for found in pkgutil.walk_packages(app.__path__, 'app.') if not found.name.endswith('__main__')]" \
    && foldin train \
    && foldin evaluate --methods svd,observed,gradient,weighted,popularity \
    && foldin tune --seconds 5 \
    && foldin recommend 1 \
    && foldin export /tmp/trial.parquet \
    && chmod -R a+rX /opt/foldin/kernels

FROM ${PYTHON_IMAGE}
RUN groupadd --gid 10001 foldin \
    && useradd --uid 10001 --gid foldin --no-create-home --home-dir /data --shell /usr/sbin/nologin foldin \
    && install --directory --owner=foldin --group=foldin /data
COPY --from=build /opt/python /opt/python
COPY --from=build /opt/foldin /opt/foldin
ENV PATH=/opt/foldin/bin:/opt/python/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONSAFEPATH=1 \
    PYTHONUNBUFFERED=1 \
    FOLDIN_DATA_DIR=/data \
    FOLDIN_HOST=0.0.0.0 \
    FOLDIN_PORT=8000 \
    FOLDIN_LOG_FORMAT=json \
    NUMBA_CACHE_DIR=/opt/foldin/kernels
USER 10001:10001
WORKDIR /data

# SQLite before 3.51.3 can corrupt a database that several connections write; before 3.53 it rounds numbers in JSON.
RUN ["python", "-c", "import pysqlite3; assert pysqlite3.sqlite_version_info >= (3, 53, 0), pysqlite3.sqlite_version"]

VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ[\"FOLDIN_PORT\"]}/health/ready', timeout=4)"]
ENTRYPOINT ["foldin"]
CMD ["serve"]
