"""A self-energy of the user's own, from an HDF5 file, in place of the table of this package.

Datasets, in the root of the file, each with the attribute `units`:

| dataset       | shape                          | units        | content                                              |
|---------------|--------------------------------|--------------|------------------------------------------------------|
| `mass`        | (n_mass,)                      | "GeV"        | M, increasing; one, or at least 4                    |
| `temperature` | (n_T,)                         | "GeV"        | T, increasing; at least 4                            |
| `momentum`    | (n_k,)                         | "1"          | k/T, increasing; at least 4                          |
| `width`       | (n_mass, n_T, n_k, 3, 2)       | "1" or "GeV" | Gamma_h/T, or Gamma_h; positive                      |
| `potential`   | (n_mass, n_T, n_k, 3, 2)       | "1" or "GeV" | b_h/T, or b_h, of either sign                        |

The last two axes are the flavours e, mu, tau and the helicities h = -1, +1; definitions as in `active_neutrino`.
Interpolated by cubic splines in ln M, ln T and ln k/T are ln(Gamma_h/T) and b_h/T: the nodes must be close enough for
that, which nobody checks.  M and T outside of the nodes are refused; at k/T outside, Gamma_h/T and b_h/T are those at
the last node.  Nothing is added for temperatures with or without quarks: the table is the whole self-energy.
"""

import hashlib
import math
import os

import h5py
import numpy as np
from scipy.interpolate import CubicSpline, RectBivariateSpline

from hpc_nu.atomic import replacing
from hpc_nu.plasma import standard_model as sm
from hpc_nu.plasma.higgs import CROSSOVERS
from hpc_nu.plasma.self_energy_table import check_range
from hpc_nu.user_file import open_user_file, user_path

AXES = {"mass": "GeV", "temperature": "GeV", "momentum": "1"}
VALUES = ("width", "potential")
_MIN_NODES, _MOST_NODES = 4, 10_000
_MOST_NUMBERS = 2**26  # of a dataset: every rank holds them
_LARGEST = 2**31  # bytes of the file


class UserTable:
    """Interpolated self-energy from a user's file.

    Parameters
    ----------
    path : str or Path

    Attributes
    ----------
    identity : str
        Hash of the file's contents.
    mass_range, temperature_range : (float, float) [GeV]
    source : str
        The file.

    Raises
    ------
    ValueError
        If the file is not as described in the head of this module: file, dataset, value and what is accepted.
    """

    def __init__(self, path):
        self.source = os.fspath(path)
        axes, values = _read(self.source)
        self._axes = axes
        self._values = values
        self.mass_range, self.temperature_range = ((axis[0], axis[-1]) for axis in (axes["mass"], axes["temperature"]))
        digest = hashlib.sha256()
        for array in (*axes.values(), *values.values()):
            digest.update(repr(array.shape).encode() + np.ascontiguousarray(array, "<f8").tobytes())
        self.identity = digest.hexdigest()[:32]

    def self_energy(self, momentum, mass, temperature, crossover="leading_order", colour_factor=1.0):
        """Width and potential: arguments and result as of `active_neutrino.self_energy`.

        `crossover` is accepted and without effect here; `colour_factor` must be 1.
        """
        if crossover not in CROSSOVERS:
            raise ValueError(f"crossover = {crossover!r}: expected one of {', '.join(CROSSOVERS)}")
        if colour_factor != 1:
            raise ValueError(
                f"{self.source}: colour_factor = {colour_factor:g}: a table of one's own has no separate quarks,"
                " expected 1"
            )
        k, m, t = np.broadcast_arrays(*(np.asarray(x, dtype=float) for x in (momentum, mass, temperature)))
        check_range("momentum", k, 0.0, np.inf)
        check_range("mass", m, *self.mass_range)
        check_range("temperature", t, *self.temperature_range)
        nodes = self._axes["momentum"]
        x, y = np.log(t), np.log(np.clip(k / t, nodes[0], nodes[-1]))
        result = np.empty((2, *k.shape, sm.N_FLAVOURS, 2))
        for one_mass in np.unique(m):
            same = m == one_mass
            for i, (name, spline) in enumerate(zip(VALUES, self._splines(one_mass), strict=True)):
                for channel in np.ndindex(sm.N_FLAVOURS, 2):
                    value = spline(x[same], y[same], channel)
                    result[(i, same, *channel)] = t[same] * (np.exp(value) if name == "width" else value)
        return result[0], result[1]

    def _splines(self, mass):
        """Per quantity a function (ln T, ln k/T, channel)."""
        ln_t, ln_q = np.log(self._axes["temperature"]), np.log(self._axes["momentum"])
        functions = []
        for name in VALUES:
            values = np.log(self._values[name]) if name == "width" else self._values[name]
            nodes = self._axes["mass"]
            values = values[0] if nodes.size == 1 else CubicSpline(np.log(nodes), values)(np.log(mass))
            splines = {
                channel: RectBivariateSpline(ln_t, ln_q, values[(..., *channel)])
                for channel in np.ndindex(sm.N_FLAVOURS, 2)
            }
            functions.append(lambda x, y, channel, splines=splines: splines[channel].ev(x, y))
        return functions


def write_user_table(path, mass, temperature, momentum, width, potential):
    """Write a file as described in the head of this module.

    Parameters
    ----------
    mass, temperature : (n_mass,), (n_T,) arrays [GeV]
    momentum : (n_k,) array
        k/T.
    width, potential : (n_mass, n_T, n_k, 3, 2) arrays [GeV]
        Gamma_h and b_h.
    """
    with replacing(os.fspath(path)) as temporary, h5py.File(temporary, "w", libver="earliest") as file:
        for (name, units), values in zip(AXES.items(), (mass, temperature, momentum), strict=True):
            file[name] = np.atleast_1d(values).astype(float)
            file[name].attrs["units"] = units
        for name, values in zip(VALUES, (width, potential), strict=True):
            file.create_dataset(name, data=np.asarray(values, float), shuffle=True, compression="gzip")
            file[name].attrs["units"] = "GeV"


class _Unfit(Exception):
    """What is wrong with the file."""


def _read(path):
    """Axes and values over T, checked."""
    with open_user_file(path, _LARGEST):
        pass
    try:
        with h5py.File(user_path(path), "r", locking=False) as file:
            return _read_datasets(file)
    except _Unfit as problem:
        raise ValueError(f"{path}: {problem}") from None
    except Exception as error:  # noqa: BLE001 - of what HDF5 says of a damaged file there is no list
        raise ValueError(f"{path}: cannot be read as HDF5 ({error})") from None


def _read_datasets(file):
    axes = {name: _read_axis(file, name, units) for name, units in AXES.items()}
    shape = (*(axis.size for axis in axes.values()), sm.N_FLAVOURS, 2)
    if math.prod(shape) > _MOST_NUMBERS:
        raise _Unfit(f"{' x '.join(map(str, shape))} numbers: expected at most {_MOST_NUMBERS}")
    values = {}
    for name in VALUES:
        dataset = _dataset(file, name)
        units = _units(dataset, name, ("1", "GeV"))
        if dataset.shape != shape:
            raise _Unfit(f"{name} has the shape {dataset.shape}: expected {shape}, (mass, temperature, momentum,"
                         " flavour, helicity)")  # fmt: skip
        array = dataset[()].astype(float)
        _check_values(name, array, np.isfinite(array), "finite numbers")
        if name == "width":
            _check_values(name, array, array > 0, "positive numbers")
        values[name] = array if units == "1" else array / axes["temperature"][:, np.newaxis, np.newaxis, np.newaxis]
    return axes, values


def _read_axis(file, name, wanted):
    dataset = _dataset(file, name)
    _units(dataset, name, (wanted,))
    sizes = "1 or at least 4" if name == "mass" else "at least 4"
    if dataset.ndim != 1 or not (dataset.size >= _MIN_NODES or (name == "mass" and dataset.size == 1)):
        raise _Unfit(f"{name} has the shape {dataset.shape}: expected one axis with {sizes} nodes")
    if dataset.size > _MOST_NODES:
        raise _Unfit(f"{name} has {dataset.size} nodes: expected at most {_MOST_NODES}")
    array = dataset[()].astype(float)
    _check_values(name, array, np.isfinite(array) & (array > 0), "finite positive numbers")
    falls = np.flatnonzero(np.diff(array) <= 0)
    if falls.size:
        i = falls[0]
        raise _Unfit(f"{name}[{i + 1}] = {array[i + 1]:g} after {array[i]:g}: expected increasing numbers")
    return array


def _dataset(file, name):
    """A dataset of real numbers that lie in this file; nothing of it is read yet, so its shape is to be checked."""
    link = file.get(name, getlink=True)
    if link is not None and not isinstance(link, h5py.HardLink):
        raise _Unfit(f"{name} is a link to something else: expected the dataset itself")
    dataset = file.get(name)
    if not isinstance(dataset, h5py.Dataset):
        raise _Unfit(f"no dataset {name!r}: expected {', '.join((*AXES, *VALUES))}")
    if dataset.dtype.kind not in "fiu" or dataset.shape is None:
        what = "empty" if dataset.shape is None else f"of type {dataset.dtype}"
        raise _Unfit(f"{name} is {what}: expected real numbers")
    if dataset.is_virtual or dataset.external:
        raise _Unfit(f"{name} has its numbers in another file: expected them in this one")
    if math.prod(dataset.chunks or ()) > _MOST_NUMBERS:
        raise _Unfit(f"{name} is stored in chunks of {dataset.chunks}: expected at most {_MOST_NUMBERS} numbers in one")
    return dataset


def _units(dataset, name, accepted):
    """The attribute `units` of a dataset, one of those accepted."""
    units = dataset.attrs.get("units")
    units = units.decode(errors="replace") if isinstance(units, bytes) else units
    if not isinstance(units, str) or units not in accepted:
        wanted = " or ".join(repr(unit) for unit in accepted)
        given = "no attribute 'units'" if units is None else f"units {units!r:.40}"
        raise _Unfit(f"{name} has {given}: expected {wanted}")
    return units


def _check_values(name, array, good, wanted):
    if not np.all(good):
        place = tuple(int(i) for i in np.argwhere(~good)[0])
        raise _Unfit(f"{name}{list(place)} = {array[place]:g}: expected {wanted}")
