#!/usr/bin/env bash
set -euo pipefail

usage() {
    cat <<'TEXT'
Usage: ./run_all.sh [params/X.yaml] [-- snakemake arguments]   run a study (default: params/demo.yaml)
       ./run_all.sh publish [params/X.yaml]                    copy its results to results/published/
       ./run_all.sh verify [results/<study>] [-- --seeds 2 3]  run a study anew beside published results
       ./run_all.sh site                                       pages of all published results: results/site/
       ./run_all.sh fetch [corpus ...]                         download corpora that are free
       ./run_all.sh predict FILE ... --model FOLDER            emotions in recordings of your own
       ./run_all.sh setup                                      make the environment only
       ./run_all.sh test [-- pytest arguments]                 run the tests
       ./run_all.sh lab [-- jupyterlab arguments]              open the notebooks in JupyterLab
       ./run_all.sh encoder -- --speech FOLDER [--scale 0.002]  distil a small encoder of our own

The first call installs the packages of requirements.lock in .venv, once; an active environment
that has them all is used instead. Needs bash, Python 3.11 to 3.13 and a C and C++ compiler.

HUMP_DATA   folder of your corpora, one sub-folder each, named as the corpus (default: data/)

Examples: HUMP_DATA=~/corpora ./run_all.sh params/paper.yaml
          ./run_all.sh params/demo.yaml -- --dry-run
TEXT
}

ROOT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
VENV=$ROOT/.venv
LOCK=$ROOT/requirements.lock
DISVOICE=disvoice==0.1.10 # without its dependencies, see requirements.lock
STAMP=$VENV/hump-stamp    # equals the lock once everything is installed

refuse() {
    printf '%s\n' "$1" >&2
    exit 2
}

on_interrupt() { # until exec, which Python answers itself
    trap 'printf "\nInterrupted '"$1"'. Run the same command again.\n" >&2; exit 130' INT TERM HUP
}
on_interrupt "before anything was begun"

find_python() {
    local name
    for name in python3 python python3.13 python3.12 python3.11; do
        # The one below an active .venv, which may be about to be replaced.
        "$name" -c 'import sys
print(sys._base_executable) if (3, 11) <= sys.version_info[:2] <= (3, 13) else sys.exit(1)' \
            2>/dev/null && return
    done
    refuse "python: version 3.11, 3.12 or 3.13 is required and none is on PATH; install one, then run the same command again"
}

satisfied() {
    "$python" "$ROOT/workflow/satisfied.py" "$1" 2>/dev/null
}

is_set_up() {
    [[ -x $VENV/bin/python ]] && cmp -s "$LOCK" "$STAMP"
}

failed() {
    printf 'The set-up failed, for the reason above. Check the network, the free disk space and that a C and C++ compiler is there, then run the same command again: it starts over, with what it has downloaded.\n' >&2
    exit 1
}

pip_install() { # newer versions of pip read the second variable while a package is compiled
    PIP_CONSTRAINT=$LOCK PIP_BUILD_CONSTRAINT=$LOCK "$python" -m pip install \
        --no-input --disable-pip-version-check "$@" || failed
}

make_environment() {
    if [[ -e $VENV && ! -f $STAMP ]]; then
        refuse "$VENV: was not made by run_all.sh, which would have to replace it; activate it if it has requirements.lock installed, or move it away"
    fi
    printf 'Setting up .venv with the packages of requirements.lock: once, some minutes.\n'
    mkdir -p "$VENV"
    echo unfinished >"$STAMP"
    find "$VENV/" -mindepth 1 ! -name "${STAMP##*/}" -delete
    "$1" -m venv "$VENV" || failed
    pip_install -r "$LOCK"
    pip_install --no-deps "$DISVOICE"
    pip_install --no-deps --no-build-isolation -e "$ROOT"
    cp "$LOCK" "$STAMP" # last: until then it is redone
}

# Leaves the environment's Python in $python.
set_up() {
    python=$(command -v python || true)
    if [[ -n $python ]] && satisfied "$LOCK"; then
        satisfied "$DISVOICE" || pip_install --no-deps "$DISVOICE"
        return
    fi
    python=$VENV/bin/python
    is_set_up && return
    local base
    base=$(find_python)
    on_interrupt "during the set-up"
    mkdir -p "$ROOT/cache"
    exec 9>"$ROOT/cache/setup.lock"
    "$base" -c 'import fcntl
try:
    fcntl.flock(9, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    print("Another set-up of this folder is running; waiting for it.", flush=True)
    fcntl.flock(9, fcntl.LOCK_EX)
except OSError:
    print("The file system of cache/ has no locks: run one set-up at a time.", flush=True)'
    is_set_up || make_environment "$base"
    exec 9>&-
    on_interrupt "before anything was begun"
}

if [[ $ROOT == *:* ]]; then
    refuse "$ROOT: a colon in the project's path, which lists of folders such as PYTHONPATH cannot hold; move the project"
fi
# An absolute path, since the steps run in the project's folder and not in the caller's.
if [[ -n ${HUMP_DATA:-} && $HUMP_DATA != [/~]* ]]; then
    export HUMP_DATA=$PWD/$HUMP_DATA
fi
export PYTHONPATH=$ROOT${PYTHONPATH:+:$PYTHONPATH}

command=study
case ${1:-} in
-h | --help) usage && exit ;;
setup | test | lab | site | encoder | publish | fetch | verify | predict) command=$1 && shift ;;
esac
if [[ $command == study || $command == publish ]]; then
    params=params/demo.yaml
    if [[ ${1:-} == *.yaml || ${1:-} == *.yml ]]; then params=$1 && shift; fi
    if [[ ! -f $params ]]; then params=$ROOT/$params; fi
    if [[ ! -f $params ]]; then
        refuse "${params#"$ROOT/"}: no such parameter file; choose one of $(cd "$ROOT" && echo params/*.yaml)"
    fi
    [[ $params == /* ]] || params=$PWD/$params
fi
if [[ $command == verify ]]; then
    folder=$ROOT/results/published/demo
    if (($#)) && [[ $1 != -- ]]; then folder=$1 && shift; fi
    [[ -d $folder || ! -d $ROOT/$folder ]] || folder=$ROOT/$folder
    [[ $folder == /* ]] || folder=$PWD/$folder
fi
if (($#)) && [[ $command != fetch && $command != predict && ($1 != -- || $command == setup || $command == publish || $command == site) ]]; then
    refuse "$1: unknown argument; give a parameter file (params/X.yaml), setup, test, lab, site, encoder, publish, fetch, verify or predict, then -- and the arguments of the tool that is run, see ./run_all.sh --help"
fi
if [[ ${1:-} == -- ]]; then shift; fi

set_up
case $command in
setup) printf 'The environment is ready: %s\n' "$python" ;;
test) cd "$ROOT" && exec "$python" -m pytest "$@" ;;
lab)
    # Its own kernel first, whatever kernels the user's folder holds.
    prefix=$("$python" -c 'import sys; print(sys.prefix)')
    export JUPYTER_PATH=$prefix/share/jupyter${JUPYTER_PATH:+:$JUPYTER_PATH}
    exec "$python" -m jupyterlab "$ROOT/notebooks" --LabApp.default_url=/lab/tree/start_here.ipynb "$@"
    ;;
encoder) exec "$python" -m hump encoder "$@" ;;
study) exec "$python" -m hump run "$params" -- "$@" ;;
fetch | predict) exec "$python" -m hump "$command" "$@" ;;
verify) exec "$python" -m hump verify "$folder" "$@" ;;
site) exec "$python" -m hump site ;;
publish) exec "$python" -m hump publish "$params" ;;
esac
