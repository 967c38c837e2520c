"""Sealed files changed on purpose: what a stranger can do, who computes the digest again."""

import h5py

from npzf.storage import sealed


def changed(path, change):
    """Lets change(file) write into the HDF5 file at path, and seals it again, with the same part left out."""
    with h5py.File(path, "r+") as file:
        change(file)
    reseal(path)


def reseal(path):
    """Writes the digest that the file at path has now."""
    with open(path, "r+b") as file:
        apart = sealed.read_seal(file).apart
        sealed.seal(file, apart)


def replaced(name, value, **options):
    """A change of one dataset; None: it is gone."""

    def change(file):
        if name in file:
            del file[name]
        if value is not None:
            file.create_dataset(name, data=value, **options)

    return change
