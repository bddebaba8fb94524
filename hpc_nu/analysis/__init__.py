from hpc_nu.analysis.convergence import by_grid, final_error, finest_grid, grid_error_estimate, trajectory_error
from hpc_nu.analysis.results import Grid, Results, ResultsError, read_results

__all__ = [
    "Grid",
    "Results",
    "ResultsError",
    "by_grid",
    "grid_error_estimate",
    "final_error",
    "finest_grid",
    "read_results",
    "trajectory_error",
]
