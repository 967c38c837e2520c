"""Host calls of the kernels, with the names and arguments of npzf.ops: what an op does with arrays that are on the GPU."""
