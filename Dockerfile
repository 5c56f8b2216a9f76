FROM python:3.12-slim AS build
WORKDIR /build
RUN python -m venv /opt/spanstats
COPY requirements.txt .
RUN /opt/spanstats/bin/pip install --no-cache-dir --disable-pip-version-check -r requirements.txt
COPY . .
RUN /opt/spanstats/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps .

FROM python:3.12-slim
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/spanstats --shell /usr/sbin/nologin spanstats \
    && chmod 700 /var/lib/spanstats
COPY --from=build /opt/spanstats /opt/spanstats
ENV PATH=/opt/spanstats/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    SPANSTATS_HOST=0.0.0.0 \
    SPANSTATS_PORT=8000 \
    SPANSTATS_DATA_DIR=/var/lib/spanstats
# By number, so that an orchestrator can see that it is not root.
USER 10001
WORKDIR /var/lib/spanstats
# Without SPANSTATS_DATABASE_URL the embedded database is kept here. Beside it only /tmp is written to.
VOLUME /var/lib/spanstats
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ[\"SPANSTATS_PORT\"]}/readyz', timeout=2)"]
CMD ["spanstats", "serve"]
