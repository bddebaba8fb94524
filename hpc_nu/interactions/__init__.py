"""Mediators beyond the Standard Model: their widths, the potentials they make, and laboratory bounds on them."""
