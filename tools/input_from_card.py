#!/usr/bin/env python
"""Make an input file of a parameter card of ULYSSES with two heavy neutrinos:

    tools/input_from_card.py ARS_2RHN_BMCI.dat -o point.yaml

A card has lines "name value": M1, M2, M3 (log10 of the masses/GeV) and the Yukawa couplings Yaj_mag and Yaj_phs of the
flavours a = 1, 2, 3 (e, mu, tau) and the heavy neutrinos j, with the same sign of the phases as here: m_D = v Y.  N_1
and N_2 of the card are N_2 and N_3 here, the lighter one first; the third must be decoupled.  M_2 - M_1 is taken from
the decimal digits of the logarithms, and is as accurate as these: 1.00000000001 is one digit.
"""

import argparse
import math
import sys
from decimal import Decimal, InvalidOperation
from pathlib import Path

_DECOUPLED = 1e-6
"""Largest coupling of the third heavy neutrino, over that of the others."""

_INPUT = """\
# From {card}: {title}.
campaign: {name}
model: lepton_asymmetry_couplings
parameters:
{parameters}
settings:
  T_start: {{value: 1.0e6, unit: GeV}}
  T_end: {{value: 131.7, unit: GeV}}
{more}\
grids:
  - {{kind: averaged}}
  - {{kind: gauss_legendre, n_modes: 32}}
"""


class CardError(Exception):
    """The card cannot be used; the text says why."""


def read_card(path):
    """The numbers of a card by name, as they are written.

    Raises
    ------
    CardError
        File, line and reason.
    """
    numbers = {}
    for number, line in enumerate(Path(path).read_text().splitlines(), 1):
        words = line.split("#")[0].split()
        if not words:
            continue
        if len(words) != 2:
            raise CardError(f"{path}:{number}: {line.strip()!r}: expected a name and one number (scans have three)")
        try:
            numbers[words[0]] = Decimal(words[1])
        except InvalidOperation:
            raise CardError(f"{path}:{number}: {words[1]!r} is no number") from None
    return numbers


def parameters_of(numbers, path):
    """Parameters of `lepton_asymmetry_couplings` with their units: name to text.

    Raises
    ------
    CardError
    """
    wanted = ["M1", "M2", *(f"Y{a}{j}_{part}" for a in "123" for j in "12" for part in ("mag", "phs"))]
    if missing := [name for name in wanted if name not in numbers]:
        hint = " (a card with Casas-Ibarra angles: give its couplings instead)" if "x1" in numbers else ""
        raise CardError(f"{path}: {', '.join(missing)} not in it{hint}; expected {', '.join(wanted)}")
    coupling = {(a, j): float(numbers[f"Y{a}{j}_mag"]) for a in "123" for j in "12"}
    for a in "123":
        third = abs(float(numbers.get(f"Y{a}3_mag", 0)))
        if third > _DECOUPLED * max(coupling.values()):
            raise CardError(
                f"{path}: Y{a}3_mag = {third:g}: a third heavy neutrino that does not decouple; expected at most"
                f" {_DECOUPLED:g} of the largest of the others"
            )
    light, heavy = ("1", "2") if numbers["M1"] <= numbers["M2"] else ("2", "1")
    mass = 10 ** float(numbers[f"M{light}"])
    half = mass * math.expm1(math.log(10) * float(numbers[f"M{heavy}"] - numbers[f"M{light}"])) / 2
    parameters = {"M": f"{{value: {mass + half!r}, unit: GeV}}", "delta_M": f"{{value: {half!r}, unit: GeV}}"}
    for flavour, a in (("e", "1"), ("mu", "2"), ("tau", "3")):
        for name, j in (("2", light), ("3", heavy)):
            parameters[f"F_{flavour}{name}"] = repr(coupling[a, j])
            phase = float(numbers[f"Y{a}{j}_phs"])
            parameters[f"F_{flavour}{name}_phase"] = f"{{value: {phase!r}, unit: rad}}"
    return parameters


def input_text(path):
    """The input file of a card."""
    numbers = read_card(path)
    parameters = parameters_of(numbers, path)
    mass = 10 ** float(max(numbers["M1"], numbers["M2"]))
    return _INPUT.format(
        card=Path(path).name,
        title="two heavy neutrinos with these Yukawa couplings",
        name="".join(c if c.isalnum() or c in "-_" else "_" for c in Path(path).stem),
        parameters="\n".join(f"  {name}: {text}" for name, text in parameters.items()),
        more="  self_energy: this_mass\n" if mass > 30 else "",
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("card")
    parser.add_argument("-o", "--output", required=True, help="input file to write")
    options = parser.parse_args()
    try:
        text = input_text(options.card)
    except (CardError, OSError, UnicodeDecodeError) as error:
        print(f"input_from_card: {error}", file=sys.stderr)
        return 2
    Path(options.output).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
