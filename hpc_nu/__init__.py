"""hpc_nu: MPI campaigns of stiff kinetic equations for GeV- and keV-scale sterile neutrinos."""

__version__ = "0.1.0"
