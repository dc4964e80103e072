"""Arrays out of pickles and HDF5 files of strangers, and what becomes of them."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from colorbench.errors import WeightsError
from colorbench.weights.packages.conversion import CONVERSIONS
from colorbench.weights.packages.hdf5_arrays import read_hdf5_arrays
from colorbench.weights.packages.pickled_arrays import read_pickled_arrays

ARRAYS: dict[str, Any] = {
    "net": {"a": np.arange(6, dtype=np.float32).reshape(2, 3)},
    "b": np.asfortranarray(np.ones((2, 2), np.float32)),
}


def written(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "file"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("protocol", range(5))
@pytest.mark.parametrize("module", [b"numpy._core.multiarray", b"numpy.core.multiarray"])
def test_arrays_of_any_protocol_and_of_both_numpys_are_read(tmp_path: Path, protocol: int, module: bytes) -> None:
    content = pickle.dumps(ARRAYS, protocol=protocol)
    if module not in content:
        if protocol == 4:
            pytest.skip("protocol 4 writes the length of the name")
        content = content.replace(b"numpy._core.multiarray", module)
    found = read_pickled_arrays(written(tmp_path, content))
    assert set(found) == {"net/a", "b"}
    np.testing.assert_array_equal(found["net/a"], ARRAYS["net"]["a"])


class Calling:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.parts = (function, arguments)

    def __reduce__(self) -> tuple[Any, ...]:
        return self.parts


@pytest.mark.parametrize(
    "function", [eval, getattr, np.load, np.frombuffer, np.array, Path, pickle.loads, __import__], ids=lambda f: f.__name__
)
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_any_other_name_is_refused_before_it_is_called(tmp_path: Path, function: Any, protocol: int) -> None:
    path = written(tmp_path, pickle.dumps({"a": Calling(function, "1")}, protocol=protocol))
    with pytest.raises(WeightsError, match="which could run anything"):
        read_pickled_arrays(path)


def test_what_is_no_array_or_cut_short_is_refused(tmp_path: Path) -> None:
    whole = pickle.dumps(ARRAYS, protocol=3)
    for content in (
        pickle.dumps([1, 2]),
        pickle.dumps({"a": "text"}),
        pickle.dumps({"a": np.array([{}])}),
        whole[:-30],
        b"",
        b"no",
    ):
        with pytest.raises(WeightsError, match="can't be read as a pickle of arrays"):
            read_pickled_arrays(written(tmp_path, content))


def test_a_file_without_one_of_the_layers_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, pickle.dumps(ARRAYS))
    with pytest.raises(WeightsError, match="no convolution AlexNet_0/Conv_0"):
        CONVERSIONS["alexnet-from-flax"].convert(path)


def keras(path: Path) -> None:
    """HED's layers of one channel, each filled with its number."""
    import h5py

    with h5py.File(path, "w") as file:
        for index, name in enumerate(CONVERSIONS["hed-from-keras"].layers.values()):
            file[f"{name}/vars/0"] = np.full((3, 2, 1, 1), index, np.float32)
            file[f"{name}/vars/1"] = np.full(1, index + 0.5, np.float32)


def test_keras_layers_become_the_experts_names(tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    from bistnet.experts.hed import Hed

    keras(tmp_path / "net.h5")
    state = CONVERSIONS["hed-from-keras"].convert(tmp_path / "net.h5")
    assert set(state) == set(Hed().state_dict())
    assert state["stages.2.1.weight"].shape == (1, 1, 3, 2)
    assert state["stages.2.1.weight"].max() == 5
    assert state["sides.4.bias"] == [17.5]
    assert state["fusion.bias"] == [18.5]


def test_the_converted_names_of_vgg16_are_the_encoders() -> None:
    from colorbench.nets.encoders import Vgg16

    assert set(CONVERSIONS["vgg16-from-flax"].names) == set(Vgg16().state_dict())


def test_links_to_other_files_are_not_followed(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    (tmp_path / "secret").write_bytes(bytes(8))
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["a"] = np.ones(2)
    with h5py.File(tmp_path / "net.h5", "w") as file:
        file["mine"] = np.zeros(2)
        file["theirs"] = h5py.ExternalLink("other.h5", "a")
    assert set(read_hdf5_arrays(tmp_path / "net.h5")) == {"mine"}
    with h5py.File(tmp_path / "raw.h5", "w") as file:
        file.create_dataset("a", (2,), "f4", external=[(str(tmp_path / "secret"), 0, 8)])
    for path in (tmp_path / "raw.h5", tmp_path / "secret"):
        with pytest.raises(WeightsError, match="can't be read as HDF5"):
            read_hdf5_arrays(path)
