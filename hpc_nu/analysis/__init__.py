from hpc_nu.analysis.convergence import by_grid, error_estimate, final_error, finest_grid, trajectory_error
from hpc_nu.analysis.results import Grid, Results, ResultsError, read_results

__all__ = [
    "Grid",
    "Results",
    "ResultsError",
    "by_grid",
    "error_estimate",
    "final_error",
    "finest_grid",
    "read_results",
    "trajectory_error",
]
