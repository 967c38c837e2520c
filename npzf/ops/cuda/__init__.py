"""CUDA twins of the operations (sections 2 and 3): the same names and arguments, for arrays on the GPU."""
