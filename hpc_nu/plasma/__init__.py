"""The Standard Model bath at temperature T: expansion, Higgs expectation value, active neutrinos, susceptibilities."""
