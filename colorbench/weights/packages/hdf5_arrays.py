"""Arrays out of an HDF5 file, such as Keras writes. h5py is an extra, imported when such a file is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from colorbench.errors import WeightsError
from colorbench.weights.tensors import Arrays


def require_h5py() -> Any:
    """The module h5py.

    Raises:
        WeightsError: it is not installed.
    """
    try:
        import h5py
    except ImportError as error:
        raise WeightsError(
            "the file is HDF5, and h5py is not installed", wanted="h5py", remedy="pip install 'colorbench[hdf5]'"
        ) from error
    return h5py


def read_hdf5_arrays(path: Path) -> Arrays:
    """The data sets of a file by their paths. Only what lies in the file: links to others are not followed.

    Raises:
        WeightsError: h5py is not installed, or the file can't be read.
    """
    h5py = require_h5py()
    arrays: Arrays = {}

    def keep(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            if item.external or item.is_virtual:
                raise ValueError(f"{name} lies in another file")
            arrays[name] = item[()]

    try:
        with h5py.File(path, "r") as file:
            file.visititems(keep)
    except (OSError, ValueError, KeyError, RuntimeError, TypeError) as error:
        raise WeightsError(
            f"{path.name} can't be read as HDF5: {error}", wanted="a whole HDF5 file", remedy="it may be cut short: get it again"
        ) from error
    return arrays
