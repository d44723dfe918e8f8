"""run_all.sh in a copy of the project, with stubs for Python and pip: nothing is installed."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PYTHONS = ("python", "python3", "python3.13", "python3.12", "python3.11")
STUB = """#!/usr/bin/env bash
case "$*" in
*_base_executable*)
    exec {python} -c "import sys
sys.version_info, sys._base_executable = (${{VERSION:-3, 12}}, 0), '$0'
$2" ;;
*satisfied.py*) exit "${{SATISFIED:-1}}" ;;
"-m venv "*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
"-m pip "*)
    echo "$*" >>"$CALLS"
    echo "Collecting things"
    sleep "${{PIP_SECONDS:-0}}"
    [[ -z ${{PIP_FAILS:-}} ]] || {{ echo "no matching version" >&2; exit 1; }}
    ;;
"-m hump "* | "-m pytest "*) echo "called: $*"; echo "data: ${{HUMP_DATA:-}}" ;;
*) exec {python} "$@" ;;
esac
"""


@pytest.fixture
def project(tmp_path):
    """A copy of what run_all.sh reads, beside stubs named as Python is."""
    root = tmp_path / "the project"
    for name in ("run_all.sh", "requirements.lock", "workflow/satisfied.py", "params/demo.yaml"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    stubs = tmp_path / "stubs"
    stubs.mkdir()
    for name in PYTHONS:
        (stubs / name).write_text(STUB.format(python=sys.executable))
        (stubs / name).chmod(0o755)
    return root


def start(project, *arguments, cwd=None, **variables):
    environment = {
        "PATH": f"{project.parent / 'stubs'}:/usr/bin:/bin",
        "CALLS": str(project.parent / "calls"),
        **variables,
    }
    return subprocess.Popen(
        [project / "run_all.sh", *arguments],
        cwd=cwd or project.parent,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # Tests that run in the background or under nohup ignore one, and so would their children.
        preexec_fn=lambda: [
            signal.signal(one, signal.SIG_DFL) for one in (signal.SIGINT, signal.SIGHUP)
        ],
    )


def call(project, *arguments, **more):
    process = start(project, *arguments, **more)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def pip_calls(project):
    calls = project.parent / "calls"
    return calls.read_text().splitlines() if calls.exists() else []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bogus"], "bogus: unknown argument; give a parameter file"),
        (["params/none.yaml"], "params/none.yaml: no such parameter file; choose one of params/"),
        (["publish", "params/none.yaml"], "params/none.yaml: no such parameter file"),
        (["/no/such.yaml"], "/no/such.yaml: no such parameter file"),
        (["test", "-x"], "-x: unknown argument; give"),
        (["params/demo.yaml", "-n"], "then -- and the arguments of the tool that is run, see"),
        (["setup", "--", "x"], "--: unknown argument; give"),
        (["publish", "--", "x"], "--: unknown argument; give"),
        (["site", "--", "x"], "--: unknown argument; give"),
    ],
)
def test_a_wrong_argument_is_one_line_and_sets_nothing_up(project, arguments, message):
    status, out, err = call(project, *arguments)
    assert (status, out) == (2, "")
    assert message in err
    assert len(err.splitlines()) == 1
    assert not (project / ".venv").exists()
    assert pip_calls(project) == []


def test_a_clone_has_unix_line_ends_whatever_git_is_told(project):
    shutil.copy(ROOT / ".gitattributes", project)
    git = ["git", "-c", "core.autocrlf=true", "-c", "user.name=a", "-c", "user.email=a@b.invalid"]
    for arguments in ("init -q", "add .", "commit -qm all", "rm -q run_all.sh", "reset -q --hard"):
        subprocess.run([*git, *arguments.split()], cwd=project, check=True)
    assert (project / "run_all.sh").read_bytes() == (ROOT / "run_all.sh").read_bytes()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_before_python_runs_is_answered(project, number):
    for name in PYTHONS:
        (project.parent / "stubs" / name).write_text(
            "#!/usr/bin/env bash\necho up >>$CALLS; sleep 5\n"
        )
    process = start(project, "setup")
    while not pip_calls(project):
        time.sleep(0.1)
    os.killpg(process.pid, number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.endswith("\nInterrupted before anything was begun. Run the same command again.\n")


def test_a_path_that_no_list_of_folders_can_hold_is_refused(project):
    odd = project.rename(project.with_name("my:project"))
    status, out, err = call(odd, "setup")
    assert (status, out) == (2, "")
    assert f"{odd}: a colon in the project's path" in err and "move the project" in err


def test_help_needs_nothing(project):
    status, out, _ = call(project, "--help")
    assert status == 0
    assert out.startswith("Usage: ./run_all.sh")


@pytest.mark.parametrize("version", ["3, 10", "3, 14", "2, 7"])
def test_another_python_is_one_line(project, version):
    status, out, err = call(project, "setup", VERSION=version)
    assert (status, out) == (2, "")
    assert "python: version 3.11, 3.12 or 3.13 is required" in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("version", ["3, 11", "3, 12", "3, 13"])
def test_every_supported_python_makes_an_environment(project, version):
    assert call(project, "setup", VERSION=version)[0] == 0
    assert (project / ".venv" / "bin" / "python").exists()


def test_another_name_of_python_is_found(project):
    for name in PYTHONS[:-1]:
        (project.parent / "stubs" / name).write_text("#!/usr/bin/env bash\nexit 1\n")
    assert call(project, "setup")[0] == 0
    assert len(pip_calls(project)) == 3


def test_sets_up_once_then_again_when_the_lock_changes(project):
    assert call(project, "setup")[0] == 0
    first = pip_calls(project)
    assert "-r" in first[0]
    assert first[1].endswith("--no-deps disvoice==0.1.10")
    assert "--no-build-isolation -e" in first[2]
    assert call(project, "setup")[0] == 0
    assert pip_calls(project) == first
    with (project / "requirements.lock").open("a") as lock:
        lock.write("one-more==1.0\n")
    assert call(project, "setup")[0] == 0
    assert len(pip_calls(project)) == 2 * len(first)


def test_progress_is_that_of_pip(project):
    _, out, _ = call(project, "setup")
    assert "Collecting things" in out


def test_a_failed_set_up_says_why_and_is_redone(project):
    status, _, err = call(project, "setup", PIP_FAILS="yes")
    assert status == 1
    assert "no matching version" in err
    assert "run the same command again" in err
    leftover = project / ".venv" / "leftover"
    leftover.touch()
    assert call(project, "setup")[0] == 0
    assert not leftover.exists()


def test_an_interrupted_set_up_says_so_and_is_redone(project):
    process = start(project, "setup", PIP_SECONDS="30")
    wait_for_pip(project)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Interrupted during the set-up. Run the same command again" in err
    assert call(project, "setup")[0] == 0
    lock = (project / "requirements.lock").read_text()
    assert (project / ".venv" / "hump-stamp").read_text() == lock


def test_two_set_ups_at_once_install_once(project):
    first = start(project, "setup", PIP_SECONDS="1")
    wait_for_pip(project)
    status, out, _ = call(project, "setup", PIP_SECONDS="1")
    first.communicate(timeout=30)
    assert (first.returncode, status) == (0, 0)
    assert "Another set-up of this folder is running; waiting for it." in out
    assert len(pip_calls(project)) == 3


def test_a_file_system_without_locks_is_said_to_have_none(project):
    (project.parent / "sitecustomize.py").write_text(
        "import errno, fcntl\n"
        "def flock(*_):\n    raise OSError(errno.ENOLCK, 'No locks available')\n"
        "fcntl.flock = flock\n"
    )
    status, out, err = call(project, "setup", PYTHONPATH=str(project.parent))
    assert (
        status == 0 and "The file system of cache/ has no locks: run one set-up at a time." in out
    )
    assert "Another set-up" not in out and "Traceback" not in err and len(pip_calls(project)) == 3


def wait_for_pip(project):
    deadline = time.monotonic() + 20
    while not pip_calls(project) and time.monotonic() < deadline:
        time.sleep(0.05)


def test_a_folder_that_it_did_not_make_is_kept(project):
    (project / ".venv").mkdir()
    (project / ".venv" / "mine").touch()
    status, _, err = call(project, "setup")
    assert status == 2
    assert "was not made by run_all.sh" in err
    assert (project / ".venv" / "mine").exists()


def test_an_active_environment_that_satisfies_the_lock_is_used(project):
    status, out, _ = call(project, "setup", SATISFIED="0")
    assert status == 0
    assert str(project.parent / "stubs" / "python") in out
    assert not (project / ".venv").exists()


def test_paths_mean_what_they_mean_to_the_caller(project):
    here = project.parent / "elsewhere"
    here.mkdir()
    shutil.copy(ROOT / "params" / "demo.yaml", here / "mine.yaml")
    status, out, _ = call(
        project, "mine.yaml", "--", "--cores", "1", cwd=here, SATISFIED="0", HUMP_DATA="corpora"
    )
    assert status == 0
    assert f"called: -m hump run {here}/mine.yaml -- --cores 1" in out
    assert f"data: {here}/corpora" in out


def test_a_parameter_file_is_found_in_the_project_too(project):
    _, out, _ = call(project, "params/demo.yaml", SATISFIED="0")
    assert f"called: -m hump run {project}/params/demo.yaml --" in out


def test_test_passes_its_arguments_on(project):
    _, out, _ = call(project, "test", "--", "-k", "name with space", SATISFIED="0")
    assert "called: -m pytest -k name with space" in out


def test_encoder_is_trained_with_the_arguments_given(project):
    status, out, _ = call(project, "encoder", "--", "--scale", "0.004", SATISFIED="0")
    assert status == 0 and "called: -m hump encoder --scale 0.004" in out


def test_corpora_are_fetched_by_their_names_into_the_folder_given(project):
    status, out, _ = call(project, "fetch", "emodb", "ravdess", SATISFIED="0", HUMP_DATA="here")
    assert status == 0 and "called: -m hump fetch emodb ravdess" in out
    assert f"data: {project.parent}/here" in out
    assert "called: -m hump fetch\n" in call(project, "fetch", SATISFIED="0")[1]


def test_published_results_are_those_of_the_parameter_file(project):
    status, out, _ = call(project, "publish", "params/demo.yaml", SATISFIED="0")
    assert status == 0 and f"called: -m hump publish {project}/params/demo.yaml" in out


def test_recordings_are_passed_on_as_given(project):
    _, out, _ = call(project, "predict", "a b.wav", "--model", "m", "--csv", SATISFIED="0")
    assert "called: -m hump predict a b.wav --model m --csv" in out


def test_the_site_needs_no_argument(project):
    assert "called: -m hump site\n" in call(project, "site", SATISFIED="0")[1]


def test_verify_passes_the_folder_and_its_arguments_on(project):
    _, out, _ = call(project, "verify", SATISFIED="0")
    assert f"called: -m hump verify {project}/results/published/demo" in out
    (project / "results" / "open").mkdir(parents=True)
    _, out, _ = call(project, "verify", "results/open", "--", "--seeds", "2", "3", SATISFIED="0")
    assert f"called: -m hump verify {project}/results/open --seeds 2 3" in out
