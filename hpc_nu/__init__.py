"""hpc_nu: MPI campaigns of stiff kinetic equations for GeV- and keV-scale sterile neutrinos."""

from hpc_nu.kernel_cache import use_kernel_cache

__version__ = "0.2.0"

use_kernel_cache()  # whoever calls a kernel, from a program or from Python, gets that of these sources
