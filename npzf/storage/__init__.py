"""Files that are whole or absent: atomic writes and HDF5; no part of the paper."""
