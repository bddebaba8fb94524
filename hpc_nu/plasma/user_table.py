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
import os

import h5py
import numpy as np
from scipy.interpolate import CubicSpline, RectBivariateSpline

from hpc_nu.atomic import replacing
from hpc_nu.plasma import standard_model as sm
from hpc_nu.plasma.higgs import CROSSOVERS
from hpc_nu.plasma.self_energy_table import check_range

AXES = {"mass": "GeV", "temperature": "GeV", "momentum": "1"}
VALUES = ("width", "potential")
_MIN_NODES = 4


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


def _read(path):
    """Axes and values over T, checked."""
    if not os.path.isfile(path):
        raise ValueError(f"{path}: no such file")
    try:
        with h5py.File(path, "r", locking=False) as file:
            data = {name: _dataset(path, file, name) for name in (*AXES, *VALUES)}
    except OSError as error:
        raise ValueError(f"{path}: cannot be read as HDF5 ({error})") from None
    axes = {}
    for name, wanted in AXES.items():
        axes[name], units = data[name]
        _check_units(path, name, units, (wanted,))
        _check_axis(path, name, axes[name])
    shape = (*(axis.size for axis in axes.values()), sm.N_FLAVOURS, 2)
    values = {}
    for name in VALUES:
        array, units = data[name]
        _check_units(path, name, units, ("1", "GeV"))
        if array.shape != shape:
            raise ValueError(f"{path}: {name} has the shape {array.shape}: expected {shape}, (mass, temperature,"
                             " momentum, flavour, helicity)")  # fmt: skip
        _check_values(path, name, array, np.isfinite(array), "finite numbers")
        if name == "width":
            _check_values(path, name, array, array > 0, "positive numbers")
        values[name] = array if units == "1" else array / axes["temperature"][:, np.newaxis, np.newaxis, np.newaxis]
    return axes, values


def _dataset(path, file, name):
    """Array and units of one dataset."""
    if not isinstance(file.get(name), h5py.Dataset):
        raise ValueError(f"{path}: no dataset {name!r}: expected {', '.join((*AXES, *VALUES))}")
    dataset = file[name]
    if dataset.dtype.kind not in "fiu":
        raise ValueError(f"{path}: {name} is of type {dataset.dtype}: expected real numbers")
    units = dataset.attrs.get("units")
    return dataset[()].astype(float), units.decode() if isinstance(units, bytes) else units


def _check_units(path, name, units, accepted):
    if units not in accepted:
        wanted = " or ".join(repr(unit) for unit in accepted)
        given = "no attribute 'units'" if units is None else f"units {units!r}"
        raise ValueError(f"{path}: {name} has {given}: expected {wanted}")


def _check_axis(path, name, array):
    sizes = "1 or at least 4" if name == "mass" else "at least 4"
    if array.ndim != 1 or not (array.size >= _MIN_NODES or (name == "mass" and array.size == 1)):
        raise ValueError(f"{path}: {name} has the shape {array.shape}: expected one axis with {sizes} nodes")
    _check_values(path, name, array, np.isfinite(array) & (array > 0), "finite positive numbers")
    falls = np.flatnonzero(np.diff(array) <= 0)
    if falls.size:
        i = falls[0]
        raise ValueError(f"{path}: {name}[{i + 1}] = {array[i + 1]:g} after {array[i]:g}: expected increasing numbers")


def _check_values(path, name, array, good, wanted):
    if not np.all(good):
        place = tuple(int(i) for i in np.argwhere(~good)[0])
        raise ValueError(f"{path}: {name}{list(place)} = {array[place]:g}: expected {wanted}")
