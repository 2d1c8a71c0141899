"""The memory that may be taken is the least of what machine and control groups leave."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from symdrift import memory


def machine(home: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str]) -> int:
    """Available memory of a machine that shows these files."""
    for name, text in files.items():
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(memory, "_MEMORY", home / "meminfo")
    monkeypatch.setattr(memory, "_GROUPS", home / "groups")
    monkeypatch.setattr(memory, "_MOUNTS", home / "mounts")
    return memory.available_memory()


MEMORY = {"meminfo": "MemTotal: 900 kB\nMemFree: 100 kB\nMemAvailable: 500 kB\n"}


def test_without_groups_it_is_what_the_machine_has_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert machine(tmp_path, monkeypatch, MEMORY) == 500 * 1024


def test_a_container_leaves_its_limit_less_its_usage_without_cached_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {
        "groups": "0::/job/step\n",
        "mounts/job/step/memory.max": "max\n",
        "mounts/job/step/memory.current": "7000\n",
        "mounts/job/memory.max": "100000\n",
        "mounts/job/memory.current": "30000\n",
        "mounts/job/memory.stat": "anon 25000\ninactive_file 4000\n",
    }
    assert machine(tmp_path, monkeypatch, MEMORY | files) == 74_000


def test_older_control_groups_count_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen from inside a container: the path is the host's, the limit is at the root."""
    files = {
        "groups": "4:cpu,memory:/docker/abc\n3:cpuset:/\n",
        "mounts/memory/memory.limit_in_bytes": "200000\n",
        "mounts/memory/memory.usage_in_bytes": "50000\n",
        "mounts/memory/memory.stat": "total_inactive_file 1000\n",
    }
    assert machine(tmp_path, monkeypatch, MEMORY | files) == 151_000


def test_nothing_is_left_when_a_group_is_over_its_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {
        "groups": "0::/\n", "mounts/memory.max": "100\n", "mounts/memory.current": "300\n"
    }  # fmt: skip
    assert machine(tmp_path, monkeypatch, MEMORY | files) == 0


def test_elsewhere_it_is_the_installed_memory_or_a_guess(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert machine(tmp_path, monkeypatch, {}) == installed
    monkeypatch.setattr(os, "sysconf_names", {})
    assert machine(tmp_path, monkeypatch, {}) == memory.UNKNOWN_MEMORY


def test_this_machine_has_memory() -> None:
    assert memory.available_memory() > 2**26


def test_a_limit_on_addresses_leaves_what_is_not_taken_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resource = pytest.importorskip("resource")
    (tmp_path / "statm").write_text("3 2 1 1 0 1 0\n")
    monkeypatch.setattr(memory, "_SIZES", tmp_path / "statm")
    page = resource.getpagesize()
    for limit, left in ((50 * page, 47 * page), (2 * page, 0)):
        monkeypatch.setattr(resource, "getrlimit", lambda _, limit=limit: (limit, limit))
        assert machine(tmp_path, monkeypatch, MEMORY) == min(left, 500 * 1024)
    unlimited = resource.RLIM_INFINITY
    monkeypatch.setattr(resource, "getrlimit", lambda _: (unlimited, unlimited))
    assert machine(tmp_path, monkeypatch, MEMORY) == 500 * 1024


_PEAK = """
import re, resource, sys
from pathlib import Path
from symdrift.cli import run
most = 3 * 2**30
resource.setrlimit(resource.RLIMIT_AS, (most, most))
code = run(sys.argv[1:])
# Unlike ru_maxrss, this does not begin at what the parent had taken.
peak = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]
print(code, peak, file=sys.stderr)
"""

PROCESS = 150 * 2**20
"""Interpreter and libraries."""


def peak(*arguments: str) -> int:
    """Bytes that a command took, in a process that cannot take over 3 GiB."""
    ended = subprocess.run(
        [sys.executable, "-c", _PEAK, *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=True,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
    )
    code, kilobytes = ended.stderr.splitlines()[-1].split()
    assert code == "0", ended.stderr
    return 1024 * int(kilobytes)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the largest size is read from /proc")
@pytest.mark.parametrize(("size", "full"), [(2, False), (600, False), (60, True)])
def test_evaluate_takes_what_its_record_was_foreseen_to_take(size: int, full: bool) -> None:
    planes = size * (size - 1) // 2
    foreseen = memory.PLANE_ENTRY * planes
    options = ["--set", f"n={size}", "--set", "learning.rate=1e-5", "--json"]
    if full:
        options.append("--full-covariance")
    taken = peak("evaluate", "isotropic_autoencoder", *options)
    assert foreseen < taken < 1.25 * foreseen + PROCESS


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the largest size is read from /proc")
@pytest.mark.parametrize(("study", "size"), [("bottleneck", None), ("isotropic_autoencoder", 40)])
def test_observe_takes_what_was_foreseen(study: str, size: int | None) -> None:
    from symdrift.observables.observation import default_times, observed_memory
    from symdrift.observables.process import drift_process
    from symdrift.study import read_study

    chosen = read_study(study).with_values({} if size is None else {"n": float(size)})
    process = drift_process(chosen.problem())
    foreseen = observed_memory(process, len(default_times(process)))
    assignments = () if size is None else ("--set", f"n={size}")
    assert peak("observe", study, "--json", *assignments) < 1.25 * foreseen + PROCESS


@pytest.mark.parametrize(
    ("amount", "needed", "left"),
    [
        (23.4567 * 2**30, "24 GiB", "23 GiB"),
        (5.04 * 2**30, "5.1 GiB", "5 GiB"),
        (2**30, "1 GiB", "1 GiB"),
        (1017.2 * 2**30, "1100 GiB", "1000 GiB"),
        (0.3 * 2**20, "0.3 MiB", "0.3 MiB"),
        (3e15, "2.7 PiB", "2.6 PiB"),
        (1e50, "1000 PiB or more", "8.8e+34 PiB"),
    ],
)
def test_sizes_have_two_digits_and_what_does_not_fit_is_seen_not_to(
    amount: float, needed: str, left: str
) -> None:
    assert memory.size_needed(amount) == needed
    assert memory.size_left(amount) == left
    assert memory.size_needed(amount) != memory.size_left(0.999 * amount)
