"""Set-up with programs that only pretend to install, in a repository of their own."""

import fcntl
import io
import os
import shutil
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from devtools.setup import environments_for, prepare
from devtools.setup.environments import node_environment, python_environment, worker_environment
from devtools.setup.failures import SetupError, tool_failure
from devtools.setup.progress import Step, Track, carry_out

ROOT = Path(__file__).parents[2]

# Each program writes what it was called with to calls.txt of the repository, which is its working directory.
PYTHON = """\
#!/bin/bash
echo "python $*" >> calls.txt
case "$*" in
  "-m venv"*) rm -rf .venv; mkdir -p .venv/bin; cp "$0" .venv/bin/python; touch .venv/bin/pip ;;
  "-m pip"*)
    [ ! -e pip-fails ] || { cat pip-fails; exit 1; }
    case "$*" in *--target*) mkdir -p .functions-worker/azure_functions_runtime ;; esac ;;
  "-m devtools"*) echo "devtools got: $*" ;;
esac
"""
NPM = """\
#!/bin/bash
echo "npm $*" >> calls.txt
[ ! -e npm-fails ] || { cat npm-fails; exit 1; }
rm -rf node_modules; mkdir -p node_modules/azurite
"""
NODE = '#!/bin/bash\necho "${NODE_SAYS:-v20.20.2}"\n'


@pytest.fixture
def repository(tmp_path, monkeypatch):
    root = tmp_path / "repository"
    programs = tmp_path / "programs"
    for folder in (root, programs):
        folder.mkdir()
    for name in ("requirements-dev.lock", "requirements-worker.txt", "package.json", "package-lock.json"):
        (root / name).write_text("1")
    for name, text in {"python3": PYTHON, "npm": NPM, "node": NODE}.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    return root


def both(root):
    return [python_environment(root, shutil.which("python3")), node_environment(root)]


def by_hand(root):
    """An environment that a person made."""
    folder = root / ".venv" / "bin"
    folder.mkdir(parents=True)
    shutil.copy(shutil.which("python3"), folder / "python")
    (folder / "pip").touch()


def calls(root):
    file = root / "calls.txt"
    found = (
        sorted(" ".join(line.split()[:3]) for line in file.read_text().splitlines()) if file.exists() else []
    )
    file.unlink(missing_ok=True)
    return found


def test_the_first_run_makes_both_and_the_second_does_nothing(repository, capsys):
    prepare(both(repository), repository)
    assert calls(repository) == ["npm ci --no-audit", "python -m pip", "python -m venv"]
    said = capsys.readouterr().err
    assert "[3/3]" in said
    for title in ("Python environment", "Python packages", "Node packages"):
        assert f"{title} ... 0 s" in said
    prepare(both(repository), repository)
    assert calls(repository) == []
    assert capsys.readouterr().err == ""


def test_a_changed_lock_file_updates_that_environment_in_place(repository):
    prepare(both(repository), repository)
    calls(repository)
    (repository / "requirements-dev.lock").write_text("2")
    prepare(both(repository), repository)
    assert calls(repository) == ["python -m pip"]
    (repository / "package-lock.json").write_text("2")
    prepare(both(repository), repository)
    assert calls(repository) == ["npm ci --no-audit"]


def test_the_functions_worker_is_installed_by_the_finished_environment(repository, capsys):
    every = [*both(repository), worker_environment(repository)]
    prepare(every, repository)
    installed = (repository / "calls.txt").read_text().splitlines()[-1]
    assert "--no-deps --ignore-requires-python" in installed
    assert f"--target {repository}/.functions-worker -r {repository}/requirements-worker.txt" in installed
    assert "Functions worker ... 0 s" in capsys.readouterr().err
    calls(repository)
    prepare(every, repository)
    assert calls(repository) == []
    (repository / "requirements-worker.txt").write_text("2")
    prepare(every, repository)
    assert calls(repository) == ["python -m pip"]


def test_an_interrupted_installation_is_made_anew(repository):
    (repository / "pip-fails").write_text("half way")
    with pytest.raises(SetupError):
        prepare(both(repository)[:1], repository)
    (repository / "pip-fails").unlink()
    calls(repository)
    prepare(both(repository)[:1], repository)
    assert calls(repository) == ["python -m pip", "python -m venv"]


def test_an_environment_without_pip_is_made_anew_and_one_made_by_hand_is_kept(repository):
    by_hand(repository)
    prepare(both(repository)[:1], repository)
    assert calls(repository) == ["python -m pip"]
    (repository / ".venv" / ".made-from").unlink()
    (repository / ".venv" / "bin" / "pip").unlink()
    prepare(both(repository)[:1], repository)
    assert calls(repository) == ["python -m pip", "python -m venv"]


def test_linked_environments_are_taken_as_they_are(repository, tmp_path):
    for name, proof in ((".venv", "bin/python"), ("node_modules", "azurite")):
        (tmp_path / "theirs" / name / proof).mkdir(parents=True)
        (repository / name).symlink_to(tmp_path / "theirs" / name)
    prepare(both(repository), repository)
    assert calls(repository) == []


@pytest.mark.parametrize(
    ("arguments", "folders"),
    [
        (["check"], [".venv"]),
        (["generate", "a topic"], [".venv", "node_modules"]),
        (["test", "-k", "x"], [".venv", "node_modules", ".functions-worker"]),
        (["conformance"], [".venv"]),
        (["status"], []),
        (["down", "--data", "x"], []),
        (["logs", "-f"], []),
        (["generate", "--help"], []),
        ([], []),
    ],
)
def test_a_command_sets_up_what_it_needs(repository, arguments, folders):
    assert [found.folder.name for found in environments_for(repository, arguments)] == folders


@pytest.mark.parametrize(
    ("output", "advice"),
    [
        (
            "ERROR: Could not find a version that satisfies aiohttp",
            "The package registry could not be reached",
        ),
        ("npm error code ENOTFOUND\nnpm error network", "The package registry could not be reached"),
        ("OSError: [Errno 28] No space left on device", "The disk is full"),
        ("npm error code EACCES", "cannot be written"),
        ("The virtual environment was not created: ensurepip is not available", "apt install python3-venv"),
        ("something odd", "The lines above name the cause"),
    ],
)
def test_a_failure_shows_the_last_lines_and_what_to_do(output, advice):
    message = str(tool_failure("Python packages", ["pip", "install"], 1, "early\n" * 50 + output))
    assert output.splitlines()[-1] in message
    assert advice in message
    assert len(message.splitlines()) <= 11


def test_a_failing_npm_does_not_spoil_the_finished_python_environment(repository):
    (repository / "npm-fails").write_text("npm error code ENOTFOUND")
    prepare(both(repository)[:1], repository)
    calls(repository)
    with pytest.raises(SetupError, match="Node packages failed"):
        prepare(both(repository), repository)
    (repository / "npm-fails").unlink()
    calls(repository)
    prepare(both(repository), repository)
    assert calls(repository) == ["npm ci --no-audit"]


def test_a_failure_stops_what_runs_beside_it(tmp_path):
    failing = Step(title="A", command=("false",), folder=tmp_path)
    endless = Step(title="B", command=("sleep", "60"), folder=tmp_path)
    began = time.monotonic()
    with pytest.raises(SetupError, match="A failed"):
        carry_out([Track([failing], tmp_path.touch), Track([endless], tmp_path.touch)], out=io.StringIO())
    assert time.monotonic() - began < 30


@pytest.mark.parametrize(
    ("says", "shown"), [("v18.1.0", "is version v18.1.0, too old"), ("gibberish", "too old")]
)
def test_an_old_node_is_named(repository, monkeypatch, says, shown):
    monkeypatch.setenv("NODE_SAYS", says)
    with pytest.raises(SetupError, match=shown):
        prepare(both(repository), repository)
    assert calls(repository) == []


@pytest.mark.parametrize("missing", ["node", "npm"])
def test_a_missing_node_is_named(repository, monkeypatch, missing):
    programs = Path(os.environ["PATH"].split(":")[0])
    (programs / missing).unlink()
    monkeypatch.setenv("PATH", str(programs))
    with pytest.raises(SetupError, match=rf"(?s){missing} was not found on the PATH.*install Node\.js 20"):
        prepare([node_environment(repository)], repository)


def test_a_python_without_venv_is_named(repository, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(SetupError, match=r"has no venv module.\n.*apt install python3\.\d+-venv"):
        prepare(both(repository), repository)


def run_dev(root, *arguments, python=sys.executable):
    return subprocess.run(
        [python, str(root / "dev"), *arguments], cwd=root, capture_output=True, text=True, check=False
    )


def with_dev(root):
    shutil.copy(ROOT / "dev", root / "dev")
    shutil.copytree(ROOT / "devtools", root / "devtools", ignore=shutil.ignore_patterns("__pycache__"))
    return root


def test_dev_hands_over_to_the_environment(repository):
    prepare(both(repository), repository)
    done = run_dev(with_dev(repository), "check", "it")
    assert (done.returncode, done.stdout, done.stderr) == (0, "devtools got: -m devtools check it\n", "")


def test_dev_says_what_failed_without_a_traceback(repository):
    by_hand(repository)
    (repository / "pip-fails").write_text("ERROR: HTTPSConnectionPool: Max retries exceeded")
    done = run_dev(with_dev(repository), "generate", "x")
    assert done.returncode == 1
    assert "./dev: Python packages failed" in done.stderr
    assert "Max retries exceeded\nWhat to do: The package registry could not be reached" in done.stderr
    assert "Traceback" not in done.stderr


def test_dev_explains_a_disk_that_cannot_be_written(repository):
    (with_dev(repository) / "requirements-dev.lock").unlink()
    done = run_dev(repository, "check")
    assert done.returncode == 1
    assert "No such file" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_second_set_up_waits_for_the_first(repository):
    by_hand(with_dev(repository))
    descriptor = os.open(repository, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    command = [sys.executable, str(repository / "dev"), "check"]
    with subprocess.Popen(command, cwd=repository, stderr=subprocess.PIPE, text=True) as second:
        assert second.stderr.readline().startswith("Waiting for another ./dev")
        assert calls(repository) == []
        os.close(descriptor)
        second.communicate()
    assert second.returncode == 0
    assert calls(repository) == ["python -m devtools", "python -m pip"]


@pytest.mark.parametrize("newer_exists", [True, False])
def test_an_old_python_hands_over_to_a_newer_one_or_says_so(repository, tmp_path, monkeypatch, newer_exists):
    with_dev(repository)
    old = tmp_path / "old.py"
    old.write_text(
        textwrap.dedent(f"""
            import runpy, sys
            sys.version_info = (3, 8, 10)
            sys.argv = [{str(repository / "dev")!r}, "status"]
            runpy.run_path(sys.argv[0], run_name="__main__")
        """)
    )
    if newer_exists:
        newer = tmp_path / "programs" / "python3.11"
        newer.write_text('#!/bin/bash\necho "newer got: ${@:2}"\n')
        newer.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'programs'}:/nowhere")
    done = subprocess.run([sys.executable, str(old)], capture_output=True, text=True, check=False)
    if newer_exists:
        assert done.stdout == "newer got: status\n", done.stderr
    else:
        assert done.returncode == 2
        assert "Python 3.11 or newer is needed" in done.stderr
    assert "Traceback" not in done.stderr
