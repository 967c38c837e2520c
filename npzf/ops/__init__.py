"""The mathematics of section 2 as pure functions on arrays: forward beside its adjoints."""
