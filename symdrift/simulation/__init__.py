"""Online SGD at the speed of the machine: replicas in vector lanes, blocks over threads."""

from symdrift.simulation.trajectory import Trajectory, simulate

__all__ = ["Trajectory", "simulate"]
