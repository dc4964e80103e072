"""Ray as users have it: three nodes of which one is lost in mid-run, also through ray://, and a run folder at an S3 address."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from colorbench.results.reading import Results, read_results

from .conftest import Crew, numbers

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed"),
    # Ray leaves its logs open, and warns of itself.
    pytest.mark.filterwarnings("ignore"),
]
needs_s3 = pytest.mark.skipif(find_spec("moto") is None or find_spec("s3fs") is None, reason="moto or s3fs is not installed")

METHODS = ("--methods", "plain,naps,flow")
CLIPS = ("one", "two", "three")
COSTS = 2
"""Columns of clips.csv: seconds and memory."""


class Nodes:
    """A cluster of three nodes on this machine, each with one core."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        room = {"num_cpus": 1, "memory": 4 << 30, "object_store_memory": 100 << 20, "include_dashboard": False}
        self.cluster = Cluster(initialize_head=True, head_node_args={**room, "ray_client_server_port": 10_101})
        self.others = [self.cluster.add_node(**room) for _ in range(2)]

    def address(self, scheme: str) -> str:
        return "ray://127.0.0.1:10101" if scheme else str(self.cluster.address)

    def node_of(self, process: int) -> Any:
        """The node, other than the head, that a worker process belongs to; None where it is the head's."""
        parent = int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
        raylets = {node.all_processes["raylet"][0].process.pid: node for node in self.others}
        return raylets.get(parent)

    def lose_one_while(self, running: subprocess.Popen[str], crew: Crew) -> int:
        """Kills one node with a unit at work, and the processes of all other units that wait for it; how many nodes were lost."""
        seen: set[int] = set()
        lost = 0
        end = time.monotonic() + 500
        while running.poll() is None and time.monotonic() < end:
            signs = [text for clip in CLIPS if (text := crew.sign(clip)).endswith(" ")]
            for process in {int(text) for text in signs} - seen:
                seen.add(process)
                with suppress(ProcessLookupError, FileNotFoundError):
                    node = self.node_of(process)
                    if node is not None and not lost:
                        self.cluster.remove_node(node, allow_graceful=False)
                        self.others.remove(node)
                        lost += 1
                    os.kill(process, signal.SIGKILL)
            time.sleep(0.1)
        return lost


@pytest.fixture
def nodes(crew: Crew, monkeypatch: pytest.MonkeyPatch) -> Iterator[Nodes]:
    monkeypatch.setenv("PYTHONPATH", str(crew.place))
    monkeypatch.setenv("CREW", str(crew.place))
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    made = Nodes()
    yield made
    made.cluster.shutdown()


def undisturbed(crew: Crew, root: Path) -> Results:
    """What one process of this machine makes of the same; no method naps a second time."""
    running = crew.start(root, *METHODS, "--workers", "1", "--out", str(crew.place / "local"))
    _, errors = running.communicate(timeout=600)
    assert running.returncode == 0, errors
    return read_results(crew.place / "local")


def tables(read: Callable[[str], bytes]) -> dict[str, list[str]]:
    """The lines of a run's scores, each clip's and each frame's, without what they cost."""
    clips, frames = (read(name).decode().splitlines() for name in ("clips.csv", "frames.csv"))
    return {"clips": [line.rsplit(",", COSTS)[0] for line in clips], "frames": frames}


@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_a_node_that_is_lost_in_mid_run_changes_no_number(
    make_clips: Callable[..., Path], crew: Crew, nodes: Nodes, scheme: str
) -> None:
    root = make_clips(one=12, two=9, three=10)
    running = crew.start(root, *METHODS, "--engine", "ray", "--address", nodes.address(scheme))
    lost = nodes.lose_one_while(running, crew)
    _, errors = running.communicate(timeout=60)
    assert running.returncode == 0, errors
    assert lost == 1
    local = undisturbed(crew, root)
    assert list(map(numbers, read_results(crew.out).records)) == list(map(numbers, local.records))
    assert tables(lambda name: (crew.out / name).read_bytes()) == tables(lambda name: (crew.place / "local" / name).read_bytes())


@needs_s3
def test_a_run_at_an_s3_address_through_a_cluster_is_the_local_one(
    make_clips: Callable[..., Path], crew: Crew, nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    import s3fs
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    try:
        host, port = server.get_host_and_port()
        for name, value in (
            ("AWS_ENDPOINT_URL", f"http://{host}:{port}"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_DEFAULT_REGION", "us-east-1"),
        ):
            monkeypatch.setenv(name, value)
        s3fs.S3FileSystem().mkdir("bucket")
        root = make_clips(one=12, two=9, three=10)
        monkeypatch.chdir(crew.place)
        address = ("--engine", "ray", "--address", nodes.address(""), "--out", "s3://bucket/runs/x")
        running = crew.start(root, *METHODS, *address)
        lost = nodes.lose_one_while(running, crew)
        _, errors = running.communicate(timeout=60)
        assert running.returncode == 0, errors
        assert lost == 1
        undisturbed(crew, root)
        stored = s3fs.S3FileSystem(skip_instance_cache=True)
        found = tables(lambda name: stored.cat(f"bucket/runs/x/{name}"))
        assert found == tables(lambda name: (crew.place / "local" / name).read_bytes())
    finally:
        server.stop()
