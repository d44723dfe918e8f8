# The project with all its packages; `docker build -t hump . && docker run hump` runs the demo study.
FROM python:3.11-slim-bookworm
RUN apt-get update \
    && apt-get install --no-install-recommends -y bash g++ gcc git \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /hump
# First what changes rarely: packages are installed anew only if these files have changed.
COPY run_all.sh requirements.lock pyproject.toml ./
COPY workflow/satisfied.py workflow/
COPY hump/__init__.py hump/
ENV PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu PIP_NO_CACHE_DIR=1
RUN ./run_all.sh setup
COPY . .
ENTRYPOINT ["./run_all.sh"]
