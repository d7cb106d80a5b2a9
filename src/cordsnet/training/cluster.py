"""Description of the processes of a run for Lightning."""

from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning.fabric.utilities.rank_zero import rank_zero_only

from cordsnet.training.launch import Processes


class Launched(ClusterEnvironment):
    """The processes that `find_processes` has found, in the form that Lightning asks for.

    Lightning would look for launchers by itself, and takes an allocation of Slurm for processes that wait, or a rank
    that another program has left behind for its own.
    """

    def __init__(self, processes: Processes) -> None:
        super().__init__()
        self.processes = processes
        rank_zero_only.rank = processes.rank  # type: ignore[attr-defined]  # which Lightning has read from the environment on import

    @property
    def creates_processes_externally(self) -> bool:
        """True: Lightning starts no processes."""
        return True

    @property
    def main_address(self) -> str:
        """Host of the main process."""
        return self.processes.address or "127.0.0.1"

    @property
    def main_port(self) -> int:
        """Port of the main process."""
        return self.processes.port or 0

    @staticmethod
    def detect() -> bool:
        """False: it is given to the trainer, never detected."""
        return False

    def world_size(self) -> int:
        """Number of processes."""
        return self.processes.count

    def set_world_size(self, size: int) -> None:
        """Change nothing; the launcher has set it."""

    def global_rank(self) -> int:
        """Number of this process."""
        return self.processes.rank

    def set_global_rank(self, rank: int) -> None:
        """Change nothing; the launcher has set it."""

    def local_rank(self) -> int:
        """Number of this process on its machine."""
        return self.processes.local_rank

    def node_rank(self) -> int:
        """Number of this machine."""
        return self.processes.rank // self.processes.per_machine
