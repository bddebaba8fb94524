"""How the solution depends on the momentum grid: errors relative to the finest Gauss-Legendre grid of the file.

The averaged equations and the trapezoidal sums on equal_occupation grids (sec. 6 of arXiv:2011.12637) converge to
something else than the exact integrals do, so their error levels off; what levels off at which value is the result.
Not covered: the error of the reference itself.
"""

import numpy as np
import xarray as xr

from hpc_nu.analysis.results import ResultsError


def finest_grid(results):
    """Label of the grid with most modes among the Gauss-Legendre grids that have a row done; failing these, among all.

    Raises
    ------
    ResultsError
        If no row is done.
    """
    labels = dict.fromkeys(results.select(status="done").points.grid.values.tolist())
    if not labels:
        raise ResultsError(f"{results.path}: no row is done yet; run the campaign first")
    grids = [results.grids[label] for label in labels]
    return max(grids, key=lambda grid: (grid.kind == "gauss_legendre", grid.n_modes)).label


def by_grid(results, array):
    """`array` with the dimension task resolved into (point, grid).

    Parameters
    ----------
    array : xarray.DataArray
        A column of one of the datasets of `results`: (task, ...).

    Returns
    -------
    (point, grid, ...) xarray.DataArray
        NaN where there is no such row or it is not done.  Along `grid` it has the coordinates kind, family and
        n_modes; the grids are in the order of the input file.
    """
    row = {name: results.points[name].values for name in ("point", "grid")}
    points, at_point = np.unique(row["point"], return_inverse=True)
    present = set(row["grid"].tolist())
    grids = [grid for label, grid in results.grids.items() if label in present]
    column = {grid.label: i for i, grid in enumerate(grids)}
    values = np.full((len(points), len(grids), *array.shape[1:]), np.nan)
    values[at_point, [column[label] for label in row["grid"].tolist()]] = array.values
    along_grid = {name: ("grid", [getattr(grid, name) for grid in grids]) for name in ("kind", "family", "n_modes")}
    others = {name: array[name] for name in array.dims[1:]}
    coordinates = {"point": points, "grid": list(column), **along_grid, **others}
    return xr.DataArray(values, coordinates, ("point", "grid", *array.dims[1:]), array.name, array.attrs)


def final_error(results, observable="Y_L", reference=None):
    """Error of a scalar observable, |Y/Y_reference - 1|, for every point on every grid but the reference.

    Parameters
    ----------
    reference : str, optional
        Label of a grid; `finest_grid` if it is not given.

    Returns
    -------
    (point, grid) xarray.DataArray
        As from `by_grid`; the attribute `reference` is the label.
    """
    return _error(results, _column(results, results.scalars, observable), reference)


def grid_error_estimate(results, observable="Y_L"):
    """Estimated error |Y_N/Y_(3N/2) - 1| of a scalar observable, for grids of which there is one half as large again.

    Grids count as such if they are of one family (kind and options).

    Returns
    -------
    (point, grid) xarray.DataArray
        As from `by_grid`, for the coarser grid of each pair.

    Raises
    ------
    ResultsError
        If the file has no such pair.
    """
    table = by_grid(results, _column(results, results.scalars, observable))
    place = {key: i for i, key in enumerate(zip(table.family.values, table.n_modes.values.tolist(), strict=True))}
    finer = {i: place.get((family, 3 * n // 2)) for (family, n), i in place.items() if n % 2 == 0}
    pairs = [(i, j) for i, j in finer.items() if j is not None]
    if not pairs:
        raise ResultsError(f"{results.path}: no two grids of one family with N and 3N/2 modes: add some to the input")
    coarse, fine = (table.isel(grid=list(side)) for side in zip(*pairs, strict=True))
    estimate = abs(coarse / fine.values - 1)
    return estimate.assign_attrs(units="1", long_name=f"estimated relative error of {table.name}")


def trajectory_error(results, observable="Y_L", reference=None):
    """Error of a trajectory, |Y(T) - Y_reference(T)| over the maximum of |Y_reference| along it.

    Not relative at each T: asymmetries change sign.

    Returns
    -------
    (point, grid, temperature) xarray.DataArray
        As from `final_error`.  Its maximum over temperature is one number for each solve.
    """
    return _error(results, _column(results, results.trajectories, observable), reference)


def _error(results, array, reference):
    reference = reference or finest_grid(results)
    table = by_grid(results, array)
    others = [label for label in table.grid.values if label != reference]
    if len(others) == table.sizes["grid"]:
        raise ResultsError(f"{results.path}: no grid {reference!r} to compare with; there is {', '.join(others)}")
    if not others:
        raise ResultsError(f"{results.path}: {reference} is the only momentum grid; nothing to compare it with")
    exact = table.sel(grid=reference, drop=True)
    scale = abs(exact).max("temperature") if "temperature" in exact.dims else abs(exact)
    error = abs(table.sel(grid=others) - exact) / scale
    long_name = f"relative error of {array.name}, reference {reference}"
    return error.assign_attrs(units="1", long_name=long_name, reference=reference)


def _column(results, dataset, observable):
    if observable not in dataset:
        raise ResultsError(f"{results.path}: no observable {observable!r}; there is {', '.join(dataset)}")
    return dataset[observable]
