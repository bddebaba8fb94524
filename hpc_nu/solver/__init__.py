"""Stiff solver and momentum quadrature.  Knows nothing of physics."""
