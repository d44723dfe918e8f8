#!/usr/bin/env bash
set -euo pipefail

usage() {
    cat <<'TEXT'
Usage: ./run_all.sh [params/X.yaml] [-- snakemake arguments]   run a study (default: params/demo.yaml)
       ./run_all.sh setup                                      make the environment only
       ./run_all.sh test [-- pytest arguments]                 run the tests
       ./run_all.sh lab [-- jupyterlab arguments]              open the notebooks in JupyterLab
       ./run_all.sh encoder [-- --scale 0.004 ...]             train a small encoder of our own

The first call makes .venv, once, with the packages of requirements.lock; an active environment
that has them all is used instead. Needs bash, Python 3.11 and a C and C++ compiler.

HUMP_DATA   folder of your corpora, one sub-folder each, named as the corpus (default: data/)

Examples: HUMP_DATA=~/corpora ./run_all.sh params/paper.yaml
          ./run_all.sh params/demo.yaml -- --dry-run
TEXT
}

ROOT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
VENV=$ROOT/.venv
LOCK=$ROOT/requirements.lock
DISVOICE=disvoice==0.1.10 # without its dependencies, see requirements.lock
STAMP=$VENV/hump-stamp # the lock's hash, once everything is installed
LOG=$ROOT/cache/setup.log

refuse() {
    printf '%s\n' "$1" >&2
    exit 2
}

is_python_311() {
    "$1" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null
}

find_python() {
    local name
    for name in python3.11 python3 python; do
        if command -v "$name" >/dev/null && is_python_311 "$name"; then
            # The one beneath an active .venv, which may be about to be removed.
            "$name" -c 'import sys; print(sys._base_executable)'
            return
        fi
    done
    refuse "python: version 3.11 is required and none is on PATH; install Python 3.11, then run the same command again"
}

satisfied() {
    "$1" "$ROOT/workflow/satisfied.py" "${@:2}" 2>/dev/null
}

lock_hash() {
    "$1" -c 'import hashlib, sys; print(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())' "$LOCK"
}

is_set_up() {
    [[ -x $VENV/bin/python && -f $STAMP ]] &&
        [[ $(lock_hash "$VENV/bin/python") == "$(<"$STAMP")" ]]
}

# The log gets every line of pip, the terminal one line that moves, a file or pipe a few lines.
show_progress() {
    local line name count=0 total
    total=$(grep -c '^[^#]' "$LOCK")
    while IFS= read -r line; do
        printf '%s\n' "$line" >>"$LOG"
        case $line in
        Collecting\ *) name=${line#Collecting } ;;
        Processing\ *) name=${line##*/} ;;
        *) continue ;;
        esac
        count=$((count + 1))
        if [[ -t 1 ]]; then
            printf '\r\033[K  fetching %d of about %d: %s' "$count" "$total" "${name%% *}"
        elif ((count % 50 == 0)); then
            printf '  fetched %d of about %d\n' "$count" "$total"
        fi
    done
    if [[ -t 1 ]]; then printf '\r\033[K'; fi
}

pip_install() {
    PIP_CONSTRAINT=$LOCK "$1" -m pip install --no-input --disable-pip-version-check \
        "${@:2}" 2>&1 | show_progress || explain_failure
}

explain_failure() {
    {
        printf 'The set-up failed. The last lines of its log:\n'
        grep -v "^WARNING: Location .* is ignored" "$LOG" | tail -n 12 | sed 's/^/  /'
        printf 'The whole log: %s\n' "$LOG"
        printf 'Check the network, the free disk space and that a C and C++ compiler is there, then run the same command again: it starts over.\n'
    } >&2
    exit 1
}

interrupted() {
    printf '\nInterrupted during the set-up. Run the same command again: it starts over.\n' >&2
    exit 130
}

make_environment() {
    local base=$1 started=$SECONDS
    if [[ -e $VENV && ! -f $STAMP ]]; then
        refuse "$VENV: was not made by run_all.sh, which would have to replace it; activate it if it has requirements.lock installed, or move it away"
    fi
    printf 'Setting up .venv with the packages of requirements.lock: once, some minutes.\n'
    mkdir -p "$VENV"
    echo unfinished >"$STAMP"
    find "$VENV/" -mindepth 1 ! -name "${STAMP##*/}" -delete
    "$base" -m venv "$VENV" >>"$LOG" 2>&1 || explain_failure
    pip_install "$VENV/bin/python" -r "$LOCK"
    pip_install "$VENV/bin/python" --no-deps "$DISVOICE"
    pip_install "$VENV/bin/python" --no-deps --no-build-isolation -e "$ROOT"
    lock_hash "$VENV/bin/python" >"$STAMP" # last: until then it is redone
    printf 'Set up in %d s.\n' $((SECONDS - started))
}

# Leaves the environment's Python in $python.
set_up() {
    mkdir -p "$ROOT/cache"
    python=$(command -v python || true)
    if [[ -n $python ]] && satisfied "$python" "$LOCK"; then
        satisfied "$python" "$DISVOICE" && return
        printf 'Adding %s to the active environment.\n' "$DISVOICE"
        : >"$LOG"
        pip_install "$python" --no-deps "$DISVOICE"
        return
    fi
    python=$VENV/bin/python
    is_set_up && return
    local base
    base=$(find_python)
    trap interrupted INT TERM
    exec 9>"$ROOT/cache/setup.lock"
    if ! "$base" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX | fcntl.LOCK_NB)' 2>/dev/null; then
        printf 'Another set-up of this folder is running; waiting for it.\n'
        "$base" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)'
    fi
    if ! is_set_up; then
        : >"$LOG"
        make_environment "$base"
    fi
    exec 9>&-
    trap - INT TERM
}

# An absolute path, since the steps run in the project's folder and not in the caller's.
if [[ -n ${HUMP_DATA:-} && $HUMP_DATA != [/~]* ]]; then
    export HUMP_DATA=$PWD/$HUMP_DATA
fi
export PYTHONPATH=$ROOT${PYTHONPATH:+:$PYTHONPATH}

command=study
params=params/demo.yaml
case ${1:-} in
-h | --help)
    usage
    exit 0
    ;;
setup | test | lab | encoder)
    command=$1
    shift
    ;;
*.yaml | *.yml)
    params=$1
    shift
    ;;
'' | --) ;;
*) refuse "$1: unknown argument; give a parameter file (params/X.yaml), setup, test, lab or encoder, see ./run_all.sh --help" ;;
esac
if (($#)); then
    [[ $1 == -- ]] || refuse "$1: unknown argument; arguments of the tool that is run go after --, see ./run_all.sh --help"
    shift
fi
if [[ $command == setup && $# -gt 0 ]]; then
    refuse "$1: unknown argument; setup takes none"
fi
if [[ $command == study ]]; then
    if [[ -f $params ]]; then
        [[ $params == /* ]] || params=$PWD/$params
    elif [[ $params != /* && -f $ROOT/$params ]]; then
        params=$ROOT/$params
    else
        refuse "$params: no such parameter file; choose one of $(cd "$ROOT" && echo params/*.yaml)"
    fi
fi

set_up
case $command in
setup) printf 'The environment is ready: %s\n' "$python" ;;
test)
    cd "$ROOT"
    exec "$python" -m pytest "$@"
    ;;
lab)
    # Its own kernel first, whatever kernels the user's folder holds.
    prefix=$("$python" -c 'import sys; print(sys.prefix)')
    export JUPYTER_PATH=$prefix/share/jupyter${JUPYTER_PATH:+:$JUPYTER_PATH}
    exec "$python" -m jupyterlab "$ROOT/notebooks" "$@"
    ;;
encoder)
    exec "$python" -m hump encoder "$@"
    ;;
study) exec "$python" -m hump run "$params" -- "$@" ;;
esac
