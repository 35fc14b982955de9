# syntax=docker/dockerfile:1
# Two images: `vibes` (server, worker and command line) and `mlflow` (its pages over the same
# ledger). compose.yaml builds and starts both.

FROM python:3.13-slim-bookworm AS base
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
RUN useradd --create-home --uid 1000 vibes

# What the lock names, in byte code, and nothing that only development needs.
FROM base AS build
RUN pip install --no-cache-dir "uv>=0.9.17"
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never UV_PROJECT_ENVIRONMENT=/opt/vibes
WORKDIR /build
# the libraries change less often than we do, so they are a layer of their own
COPY pyproject.toml uv.lock .python-version ./
RUN uv sync --frozen --no-dev --extra team --no-install-project
COPY README.md LICENSE ./
COPY src ./src
RUN uv sync --frozen --no-dev --extra team --no-editable

FROM base AS vibes
COPY --from=build /opt/vibes /opt/vibes
ENV PATH=/opt/vibes/bin:$PATH \
    VIBES_HOME=/var/lib/vibes \
    VIBES_SAMPLER_CACHE=/var/cache/vibes \
    VIBES_LOG_FORMAT=json
# whoever can write to the cache of compiled models can run code: only this user can
RUN install -d -o vibes -g vibes -m 700 /var/lib/vibes /var/cache/vibes
USER vibes
WORKDIR /home/vibes
# One sampled answer each fills the caches of compiled models, so that the first of a worker is
# fast. They fit the processor that the image is built on; on another they are compiled again.
RUN export VIBES_HOME=/tmp/warm && \
    vibes experiments create warm --type entity-rates && \
    vibes generate entity-rates --num-events 200 --seed 1 | vibes events upload warm && \
    vibes analyze warm --engine nuts --draws 100 --tune 100 --no-plot > /dev/null; \
    code=$?; rm -rf /tmp/warm; test "$code" -eq 0 || test "$code" -eq 6
RUN export VIBES_HOME=/tmp/warm && \
    vibes experiments create warm --type marketing-mix && \
    vibes generate marketing-mix --seed 1 | vibes events upload warm && \
    vibes analyze warm --tune 200 --draws 400 --no-plot > /dev/null; \
    code=$?; rm -rf /tmp/warm; test "$code" -eq 0 || test "$code" -eq 6
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=4 \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
# only the processes of the container reach 127.0.0.1; listening on 0.0.0.0 needs VIBES_AUTH_SECRET
ENTRYPOINT ["vibes"]
CMD ["serve"]

FROM base AS mlflow
# the release that `vibes db init` makes the tables for; uv.lock names it too
RUN pip install --no-cache-dir "mlflow==3.17.2" "psycopg[binary]>=3.3" "boto3>=1.40"
USER vibes
WORKDIR /home/vibes
EXPOSE 5000
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=4 \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:5000/health', timeout=4)"]
ENTRYPOINT ["mlflow"]
CMD ["server", "--host", "0.0.0.0", "--port", "5000", "--workers", "1"]
