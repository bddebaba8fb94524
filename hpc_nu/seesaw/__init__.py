"""From neutrino oscillation data to the Yukawa couplings, rates and Hamiltonian of the heavy neutrinos."""
