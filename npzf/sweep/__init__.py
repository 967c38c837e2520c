"""One resumable pass over a set of images (figure 2 takes the whole validation set)."""

from npzf.sweep.resumable import sweep
from npzf.sweep.signals import Signals, Stopped, stopping
from npzf.sweep.state_file import Accumulator, State, StateFile, Store, net_identity

__all__ = ["Accumulator", "Signals", "State", "StateFile", "Stopped", "Store", "net_identity", "stopping", "sweep"]
