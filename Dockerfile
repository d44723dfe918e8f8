# The project with all its packages; README has the commands that build and run it.
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
# Any user may run it (docker run --user), even one whom the image does not know.
ENV HOME=/tmp USER=hump
RUN git config --system --add safe.directory /hump \
    && mkdir -p cache data results \
    && chmod a+rwx . cache data notebooks results \
    && chmod a+rw notebooks/*
USER 1000
ENTRYPOINT ["./run_all.sh"]
