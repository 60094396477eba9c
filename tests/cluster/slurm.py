"""A real Slurm on this machine, for as long as a test runs: two nodes, each with two GPUs that are none."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun")
PACKAGES = "slurmctld slurmd slurm-client munge"
NODES = ("node1", "node2")

CONFIG = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmctldPidFile={folder}/slurmctld.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdPidFile={folder}/%n.pid
SlurmdLogFile={folder}/%n.log
SlurmdSpoolDir={folder}/%n
StateSaveLocation={folder}/state
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
# More CPUs and memory than the machine has: jobs ask for what they may need in earnest.
SlurmdParameters=config_overrides
ReturnToService=2
SlurmdTimeout=20
KillWait=30
MinJobAge=3600
EnforcePartLimits=ALL
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2
GresTypes=gpu
NodeName=node1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=8 RealMemory=200000 Gres=gpu:2
NodeName=node2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=8 RealMemory=200000 Gres=gpu:2
PartitionName=one Nodes=node1 Default=YES MaxTime=INFINITE State=UP
PartitionName=two Nodes=node1,node2 MaxTime=INFINITE State=UP
"""


def missing() -> str:
    """Return why there can be no Slurm here; empty if there can."""
    if os.geteuid() != 0:
        return "a Slurm needs root"
    absent = [name for name in PROGRAMS if _program(name) is None]
    if absent and shutil.which("apt-get"):
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        command = f"apt-get update -qq && apt-get install -y -qq --no-install-recommends {PACKAGES}"
        subprocess.run(command, shell=True, env=environment, capture_output=True, timeout=300)
        absent = [name for name in PROGRAMS if _program(name) is None]
    return f"no {', '.join(absent)}; install {PACKAGES}" if absent else ""


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")


class Slurm:
    """A running Slurm: ``environment`` is what its users need, ``folder`` has the logs of its daemons."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.daemons: dict[str, subprocess.Popen] = {}
        for name in ("state", "bin", *NODES):
            (folder / name).mkdir(parents=True)
        self.environment = os.environ | {"SLURM_CONF": str(folder / "slurm.conf")}
        for name in [name for name in self.environment if name.startswith(("SLURM_J", "SBATCH_", "SRUN_"))]:
            del self.environment[name]
        # Snakemake drops SLURM_CONF on the way to a job's own step; elsewhere the file is in its usual place.
        for name in ("srun", "scontrol"):
            program = folder / "bin" / name
            program.write_text(f'#!/bin/sh\nSLURM_CONF={folder}/slurm.conf exec {_program(name)} "$@"\n')
            program.chmod(0o755)
        host = socket.gethostname().split(".")[0]
        config = CONFIG.format(folder=folder, host=host, ports=_free_ports(3))
        (folder / "slurm.conf").write_text(config)
        for number in (0, 1):
            (folder / f"nvidia{number}").symlink_to("/dev/null")
        (folder / "gres.conf").write_text(f"Name=gpu File={folder}/nvidia[0-1]\n")
        key = folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)

    def start(self, name: str, *command: str) -> None:
        with open(self.folder / f"{name}.out", "ab") as out:
            self.daemons[name] = subprocess.Popen(
                [_program(command[0]), *command[1:]],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def start_node(self, node: str) -> None:
        self.start(node, "slurmd", "-D", "-N", node)

    def lose_node(self, node: str) -> None:
        """Let a node go away with all that runs on it, and wait until Slurm has noticed."""
        self.daemons[node].kill()
        self.daemons.pop(node).wait()
        for process in psutil.process_iter():
            try:
                if process.environ().get("SLURMD_NODENAME") == node:
                    for one in [*process.parents(), process]:
                        if one.name() == "slurmstepd" or one == process:
                            one.kill()
            except psutil.Error:
                continue
        for _ in range(120):
            if "down" in self.ask("sinfo", "--noheader", f"--nodes={node}", "--format=%T"):
                return
            time.sleep(0.5)
        raise AssertionError(f"Slurm has not noticed that {node} is gone")

    def ask(self, *command: str) -> str:
        """Return what one of Slurm's programs says."""
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
        return done.stdout

    def wait_for_nodes(self, seconds: float = 60) -> None:
        """Wait until every node takes jobs."""
        for _ in range(int(seconds / 0.5)):
            done = subprocess.run(
                ["sinfo", "--Node", "--noheader", "--format=%N %T"],
                env=self.environment,
                capture_output=True,
                text=True,
            )
            states = {line.split()[0]: line.split()[1] for line in done.stdout.splitlines()}
            if states and set(states.values()) == {"idle"}:
                return
            time.sleep(0.5)
        logs = "".join(path.read_text(errors="replace")[-1500:] for path in sorted(self.folder.glob("*.log")))
        raise AssertionError(f"the nodes are not up: {done.stdout}{done.stderr}\n{logs}")

    def stop(self) -> None:
        for name in [*NODES, "slurmctld", "munged"]:
            if daemon := self.daemons.get(name):
                daemon.send_signal(signal.SIGTERM)
        for daemon in self.daemons.values():
            try:
                daemon.wait(timeout=20)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()


def _free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


@contextmanager
def running(folder: Path) -> Iterator[Slurm]:
    """Start a Slurm and stop it at the end."""
    slurm = Slurm(folder)
    files = {"socket": "munge.socket", "key-file": "munge.key", "pid-file": "munged.pid", "log-file": "munged.log"}
    options = [f"--{name}={folder}/{file}" for name, file in (files | {"seed-file": "munged.seed"}).items()]
    try:
        slurm.start("munged", "munged", "--foreground", "--force", *options)
        for _ in range(100):
            if (folder / "munge.socket").exists():
                break
            time.sleep(0.1)
        slurm.start("slurmctld", "slurmctld", "-D")
        for node in NODES:
            slurm.start_node(node)
        slurm.wait_for_nodes()
        yield slurm
    finally:
        slurm.stop()
