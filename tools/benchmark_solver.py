#!/usr/bin/env python3
"""The stiff solver of the lepton asymmetries against the best that one could use instead, at equal measured error.

    python tools/benchmark_solver.py                  everything: table, goals, benchmark.png (half an hour)
    python tools/benchmark_solver.py --quick          few modes, few points (a few minutes)

One core, processor time, default rates, T = 10^4 to 10 GeV, grid (6.2) of arXiv:2011.12637 ("equal_occupation") or
momentum-averaged, at parameter set (4.1) there; its freeze-out point (sec. 4.2); random points of the box "large LTA"
(table 1).  Not timed: compilation, the first call of a short run in its process, rate tables (which points of equal
mass share), and what a peer needs before it can start (couplings, look-up of the table), while the package's times are
those of `LeptonAsymmetry().solve`, all included.

Error: largest difference of the three final asymmetries, in units of the largest, from a solve of the package at rtol
1e-10, which in turn is compared with scipy's Radau.  Every solver goes down the same ladder of tolerances, two to a
decade, until it has met all targets; what counts is its cheapest run within the error.  That favours LSODA, whose cost
jumps by 100 from one tolerance to the next (BDF of order above 2 is unstable where oscillations are barely damped): the
column "asked" is the run at rtol = error, since nobody knows beforehand which tolerance is lucky, and "dearest" the
costliest run of the ladder within the same error, or killed at a tighter tolerance.  Which rung is within the error is
chance for everyone: a single ratio is good to a factor of 2, and those at both targets belong together.

The chosen runs are repeated in turns, so that noise hits all alike; medians.  A run that takes longer than --limit is
killed; two in a row, and that solver is given up ("> x s") with this and larger numbers of modes; at random points the
limit is a ninth of that, since they are many.  Left out with 82 modes: scipy's LSODA and CVODE of order 5, which are in
no goal and take the limit or nearly that with 48.

The peers get the same compiled right-hand side and exact Jacobian (`benchmark_peers.py`).  Those that are not installed
are left out; `pip install -e '.[peers]'` installs all: scikit-sundae as a wheel, numbalsoda (0.3.4) from source, which
needs compilers for C++ and Fortran (apt install g++ gfortran).

The exit code is 1 if a goal is missed.
"""

import argparse
import os
import sys
from functools import partial
from typing import NamedTuple

os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # before numpy: one core, and one thread's clock

import matplotlib  # noqa: E402

matplotlib.use("Agg")

import benchmark_peers  # noqa: E402
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402
from benchmark_peers import PEERS  # noqa: E402
from benchmark_runs import (  # noqa: E402
    LADDER,
    OURS,
    Bench,
    Case,
    Run,
    distance,
    problem,
    solve,
    solve_together,
    timed,
)

PI = np.pi
FREEZE_IN = {  # eq. (4.1) of arXiv:2011.12637
    "M": 2.0, "delta_M": 0.983e-11, "im_omega": -2.754e-3,
    "re_omega": 0.551 * PI, "delta": 0.993 * PI, "eta": 1.479 * PI,
}  # fmt: skip
FREEZE_OUT = {  # sec. 4.2 there, fig. 11
    "M": 10.0, "delta_M": 2.06e-11, "im_omega": 0.2,
    "re_omega": 0.500001 * PI, "delta": 3.11 * PI, "eta": 0.68 * PI,
}  # fmt: skip
LARGE_LTA = {  # table 1 there: low, high, whether logarithmic
    "M": (0.1, 30.0, True), "delta_M": (1e-12, 1e-10, True), "im_omega": (-0.2, 0.2, False),
    "re_omega": (0.4 * PI, 0.6 * PI, False), "delta": (0.0, 2 * PI, False), "eta": (0.0, 2 * PI, False),
}  # fmt: skip

LABELS = {OURS: "hpc_nu", **{name: peer.label for name, peer in PEERS.items()}}
TARGETS = (1e-4, 1e-6)
GOAL_TARGET = 1e-4
TOTAL_ERROR = 1e-3

CASES = {
    "averaged": Case("averaged", 0, FREEZE_IN),
    **{str(n): Case(f"N = {n}", n, FREEZE_IN) for n in (5, 11, 20, 48, 82)},
    "freeze_out_averaged": Case("freeze-out, averaged", 0, FREEZE_OUT),
    "freeze_out_averaged_1": Case("freeze-out, averaged, to 1 GeV", 0, FREEZE_OUT, 1.0),
    "freeze_out_11": Case("freeze-out, N = 11", 11, FREEZE_OUT),
    "freeze_out_11_1": Case("freeze-out, N = 11, to 1 GeV", 11, FREEZE_OUT, 1.0),
}
QUICK_CASES = ("averaged", "5", "20")
GROWTH_CASES = ("5", "11", "20", "48", "82")
OTHER_CASES = tuple(name for name in CASES if name not in GROWTH_CASES)
LEFT_OUT = {"82": ("lsoda", "cvode")}


def random_points(n_points):
    """Points of the box "large LTA", the same in every run."""
    generator = np.random.default_rng(2011)
    points = []
    for _ in range(n_points):
        point = {}
        for name, (low, high, is_log) in LARGE_LTA.items():
            u = generator.random()
            point[name] = low * (high / low) ** u if is_log else low + (high - low) * u
        points.append(point)
    return points


class Goal(NamedTuple):
    """`value` is a lower bound if `is_bound`; None if it was not measured."""

    text: str
    value: float | None
    wanted: float
    is_ratio: bool = True  # at least `wanted`; else at most
    is_bound: bool = False

    @property
    def verdict(self):
        if self.value is None:
            return "not measured"
        met = self.value >= self.wanted if self.is_ratio else self.value <= self.wanted
        return "met" if met else "not decided (raise --limit)" if self.is_bound else "MISSED"

    def __str__(self):
        value = "" if self.value is None else f"{'> ' if self.is_bound else ''}{self.value:.3g}"
        return f"{self.text:88s} {value:>9s}   {self.verdict}"


def ratio_goal(text, results, case, solvers, wanted):
    """The cheapest of `solvers` over the package, at GOAL_TARGET."""
    ours = results.get(case, {}).get((OURS, GOAL_TARGET))
    theirs = [results.get(case, {}).get((solver, GOAL_TARGET)) for solver in solvers]
    theirs = [run for run in theirs if run]
    if not (ours and theirs):
        return Goal(text, None, wanted)
    best = min(theirs, key=lambda run: (run.seconds, run.killed))
    return Goal(text, best.seconds / ours.seconds, wanted, is_bound=best.killed)


def asked_goal(text, results, case, wanted):
    """numbalsoda over the package, both at rtol = GOAL_TARGET."""
    ours, theirs = (results.get(case, {}).get((solver, GOAL_TARGET)) for solver in (OURS, "numbalsoda"))
    if not (ours and theirs) or np.isnan(theirs.asked) and not theirs.killed:
        return Goal(text, None, wanted)
    seconds = theirs.seconds if theirs.killed else abs(theirs.asked)
    return Goal(text, seconds / ours.asked, wanted, is_bound=theirs.killed or theirs.asked < 0)


# What is printed


def print_rows(case, ladders, chosen, targets):
    """The table of one case.  Solvers that were killed get a row with the limit, and go into `chosen` with it."""
    for target in targets:
        ours = chosen.get((OURS, target))
        for solver, runs in ladders.items():
            run = chosen.get((solver, target))
            head = f"{case.label:31s} {target:.0e}  {LABELS[solver]:22s}"
            if run is None:
                print(f"{head} not reached" if runs and not runs[-1].killed else f"{head} given up", flush=True)
                continue
            ratio = f"{'> ' if run.killed else ''}{run.seconds / ours.seconds:.3g}" if ours else ""
            if run.killed:
                print(f"{head} {'':16s} > {run.seconds:<9g} {'':10s} {'':10s} {'':10s} {ratio:>9s}", flush=True)
                continue
            asked = f"{'>' if run.asked < 0 else ''}{abs(run.asked):.5f}"
            cost = f"{run.seconds:11.5f} {asked:>10s} {run.dearest:10.5f} {run.calls:10d}"
            print(f"{head} {run.rtol:7.0e} {run.error:8.0e} {cost} {ratio:>9s}", flush=True)
    for solver, runs in ladders.items():
        wild = [f"{run.rtol:.0e}" for run in runs if np.isfinite(run.error) and run.error > 1]
        if wild:
            print(f"    {LABELS[solver]}: error above 1 at rtol {', '.join(wild)}", flush=True)
        for run in runs:
            if run.message:
                print(f"    {LABELS[solver]} gives up at rtol {run.rtol:.0e}: {run.message}", flush=True)


def two_digits(value):
    return f"{float(f'{value:.1e}'):g}"


def print_summary(results, solvers, targets):
    """All cases as a table in Markdown: milliseconds of the package, ratios of the others, one number a target."""
    print(f"\nSummary, at errors {' / '.join(f'{target:.0e}' for target in targets)}: ms of hpc_nu, others over it\n")
    peers = [solver for solver in solvers if solver != OURS]
    print("| |", " | ".join(["hpc_nu", *(LABELS[peer] for peer in peers)]), "|")
    print("|" + "---|" * (2 + len(peers)))
    for name, chosen in results.items():
        ours = {target: chosen.get((OURS, target)) for target in targets}
        cells = [" / ".join(two_digits(1e3 * run.seconds) if run else "-" for run in ours.values())]
        for peer in peers:
            runs = {target: chosen.get((peer, target)) for target in targets if ours[target]}
            ratios = [
                ("> " if run.killed else "") + two_digits(run.seconds / ours[target].seconds) if run else "-"
                for target, run in runs.items()
            ]
            cells.append(" / ".join(ratios) if any(runs.values()) else "")
        print("|", " | ".join([CASES[name].label, *cells]), "|")


def exponent(results, solver, target):
    """p of seconds ~ N^p from 11 to 82 modes, and its standard error; None unless all of them were measured."""
    at, seconds, _ = times(results, GROWTH_CASES[1:], solver, target, killed=False)
    if len(at) < len(GROWTH_CASES) - 1:
        return None
    n_modes = [CASES[name].n_modes for name in GROWTH_CASES[1:]]
    slope, covariance = np.polyfit(np.log(n_modes), np.log(seconds), 1, cov=True)
    return slope[0], np.sqrt(covariance[0, 0])


def times(results, names, solver, target, killed):
    """Place in `names`, seconds, and those of the dearest, of the runs that were killed, or of those that were not."""
    runs = [(i, results[name].get((solver, target))) for i, name in enumerate(names) if name in results]
    rows = [(i, run.seconds, run.dearest) for i, run in runs if run and run.killed == killed]
    return np.array(rows).reshape(-1, 3).T


def draw_panel(axes, results, names, x, solvers, target):
    """Seconds of the cases `names` at `x`, with bars up to the dearest."""
    for i, solver in enumerate(solvers):
        beside = i - (len(solvers) - 1) / 2  # so that bars do not cover each other
        style = {"color": "k" if solver == OURS else f"C{i - 1}", "ls": ""}
        label = LABELS[solver]
        if names == GROWTH_CASES:
            style["ls"], style["lw"] = "-", 2.5 if solver == OURS else 1.2
            growth = exponent(results, solver, target)
            label += ": $N^{{{:.2f} \\pm {:.2f}}}$".format(*growth) if growth else ""
        at, seconds, dearest = times(results, names, solver, target, killed=False)
        places = x(at.astype(int), beside)
        axes.plot(places, seconds, "o", ms=4, label=label, **style)
        axes.vlines(places, seconds, dearest, color=style["color"], lw=0.8, alpha=0.6)
        at, seconds, _ = times(results, names, solver, target, killed=True)
        axes.plot(x(at.astype(int), beside), seconds, "^", color=style["color"], mfc="none")
    axes.set_yscale("log")
    axes.set_ylabel("processor time [s]")
    axes.set_title(f"error at most {target:g}", fontsize="medium")
    axes.grid(alpha=0.3)


def draw(results, solvers, targets, path):
    """Above, seconds against the number of modes at (4.1); below, the other cases; one column a target."""
    picture, panels = plt.subplots(2, len(targets), figsize=(9 * len(targets), 11), squeeze=False, layout="constrained")
    n_modes = np.array([CASES[name].n_modes for name in GROWTH_CASES])
    for (above, below), target in zip(panels.T, targets, strict=True):
        above.set_xscale("log")
        draw_panel(above, results, GROWTH_CASES, lambda at, beside: n_modes[at] * (1 + 0.015 * beside), solvers, target)
        at, seconds, _ = times(results, GROWTH_CASES, OURS, target, killed=False)
        if len(at):
            n = n_modes[at.astype(int)]
            above.plot(n, seconds[0] * n / n[0], ":", color="0.5", label="goal: at most $N^1$")
        above.set_xticks(n_modes, labels=[str(n) for n in n_modes])
        above.set_xticks([], minor=True)
        above.set_xlabel("momentum modes $N$ at (4.1)")
        above.legend(fontsize="small", loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
        draw_panel(below, results, OTHER_CASES, lambda at, beside: at + 0.08 * beside, solvers, target)
        labels = [
            CASES[name].label.replace(", to", ",\nto").replace("freeze-out, ", "freeze-out,\n") for name in OTHER_CASES
        ]
        below.set_xticks(range(len(OTHER_CASES)), labels=labels)
    picture.suptitle(
        "Asymmetries at (4.1) and at the freeze-out point of arXiv:2011.12637, $10^4$ to 10 GeV unless said, at equal "
        "measured error.\nPoints: cheapest tolerance; bars: up to the dearest tolerance within the error; open "
        "triangles: killed.\nWhich tolerance is cheapest is chance: points are good to a factor of 2",
        fontsize="medium",
    )
    picture.savefig(path, dpi=130)


# The parts of the benchmark


def fixed_points(cases, solvers, targets, limit, rounds):
    """Table of all cases; case to (solver, target) to Run."""
    head = ("case", "error", "solver", "rtol", "error", "seconds", "asked", "dearest", "calls", "ratio")
    print("{:31s} {:6s} {:22s} {:>7s} {:>8s} {:>11s} {:>10s} {:>10s} {:>10s} {:>9s}".format(*head))
    results, out_of_reach = {}, set()
    for name in cases:
        case = CASES[name]
        bench = Bench(case, limit)
        skipped = out_of_reach if name in GROWTH_CASES else set()
        wanted = [solver for solver in solvers if solver not in LEFT_OUT.get(name, ())]
        ladders, chosen = bench.compare(wanted, targets, rounds, skipped)
        chosen = bench.ask(ladders, chosen, rounds)
        for solver, runs in ladders.items():
            for target in targets:
                given_up = (solver, target) in skipped or (runs and runs[-1].killed)
                if given_up and (solver, target) not in chosen:
                    chosen[solver, target] = Run(np.nan, np.inf, limit, 0, killed=True)
                    skipped.add((solver, target))
        print_rows(case, ladders, chosen, targets)
        if case.n_modes <= 11:
            agreement = distance(bench.task("radau_sparse", 1e-9)()[0], bench.reference)
            print(f"    scipy Radau at rtol 1e-9 is {agreement:.0e} from the reference", flush=True)
        results[name] = chosen
    print_summary(results, solvers, targets)
    return results


def box_against_numbalsoda(kind_of_case, n_points, targets, limit, rounds):
    """Ratios of numbalsoda to the package at random points: median at GOAL_TARGET, and whether that is a bound."""
    label, n_modes = kind_of_case
    print(f'\n{n_points} random points of the box "large LTA", {label}: numbalsoda LSODA over hpc_nu, at equal error')
    ratios = {target: [] for target in targets}
    for point in random_points(n_points):
        bench = Bench(Case(label, n_modes, point), limit)
        ladders, chosen = bench.compare((OURS, "numbalsoda"), targets, rounds)
        for target in targets:
            bounds = {s: Run(np.nan, np.inf, max(r.seconds for r in ladders[s]), 0, killed=True) for s in ladders}
            ours, theirs = (chosen.get((s, target), bounds[s]) for s in (OURS, "numbalsoda"))
            ratio = 0.0 if ours.killed else theirs.seconds / ours.seconds  # not reached is lost
            ratios[target].append((ratio, ours.seconds, theirs.killed))
    for target, rows in ratios.items():
        ratio, seconds, _ = np.array(rows).T
        print(
            f"    error {target:.0e}: median {np.median(ratio):.3g}, quartiles {np.quantile(ratio, 0.25):.3g} and "
            f"{np.quantile(ratio, 0.75):.3g}; hpc_nu {np.median(seconds) * 1e3:.2f} ms, "
            f"up to {seconds.max() * 1e3:.2f} ms; {sum(killed for *_, killed in rows)} lower bounds, from killed runs"
        )
        print("       ", *(f"{value:.3g}" for value in np.sort(ratio)), flush=True)
    if GOAL_TARGET not in ratios:
        return None, False
    ratio, _, killed = np.array(ratios[GOAL_TARGET]).T
    return np.median(ratio), bool(np.any(killed[ratio <= np.sort(ratio)[len(ratio) // 2]]))


def averaged_side_by_side(n_points, limit, rounds):
    """numbalsoda, one by one, over the package's averaged solves side by side: points of the box at M = 2 GeV.

    Each point at its own cheapest tolerance within GOAL_TARGET, on both sides; the package's all in one call.  Ratio of
    the total times.
    """
    print(f"\n{n_points} points of the box at M = 2 GeV, averaged, side by side: numbalsoda LSODA over hpc_nu")
    tasks, theirs = [], []
    for point in random_points(n_points):
        case = Case("averaged", 0, point | {"M": 2.0})
        bench = Bench(case, limit)
        _, chosen = bench.compare((OURS, "numbalsoda"), [GOAL_TARGET], 1)
        tasks.append(problem(case, chosen[OURS, GOAL_TARGET].rtol))
        theirs.append(chosen["numbalsoda", GOAL_TARGET].seconds if ("numbalsoda", GOAL_TARGET) in chosen else limit)
    solve_together(tasks)  # compiles
    together, alone = (
        np.median([timed(partial(how, tasks), 60.0, 3)[1] for _ in range(rounds)])
        for how in (solve_together, lambda tasks: [solve(task) for task in tasks])
    )
    print(
        f"    a point: hpc_nu {together / n_points * 1e3:.3f} ms side by side,"
        f" {alone / n_points * 1e3:.3f} ms one by one;"
        f" numbalsoda {np.mean(theirs) * 1e3:.3f} ms, median {np.median(theirs) * 1e3:.3f} ms",
        flush=True,
    )
    return np.sum(theirs) / together


def accurate_solves(n_points, rounds):
    """Median milliseconds of a solve with 16 mapped Gauss-Legendre modes at TOTAL_ERROR, over random points."""
    print(f"\n{n_points} random points of the box, 16 Gauss-Legendre modes, error against 64 modes at rtol 1e-9")
    print("    rtol     median ms   median error   points within 1e-3")
    tolerances = LADDER[LADDER >= 1e-5]
    seconds, errors = np.empty((2, n_points, len(tolerances)))
    for i, point in enumerate(random_points(n_points)):
        reference, _ = solve(problem(Case("", 64, point, kind="gauss_legendre"), 1e-9))
        tasks = [partial(solve, problem(Case("", 16, point, kind="gauss_legendre"), rtol)) for rtol in tolerances]
        errors[i] = [distance(task()[0], reference) for task in tasks]
        seconds[i] = np.median([[timed(task, 60.0, 9)[1] for task in tasks] for _ in range(rounds)], axis=0)
    for rtol, s, e in zip(tolerances, seconds.T, errors.T, strict=True):
        print(f"    {rtol:7.0e} {np.median(s) * 1e3:10.3f} {np.median(e):14.1e} {np.sum(e <= TOTAL_ERROR):12d}")
    cheapest = np.where(errors <= TOTAL_ERROR, seconds, np.inf).min(axis=1)
    print(f"    at {np.sum(np.isinf(cheapest))} points 16 modes are not enough, at any rtol", flush=True)
    return np.median(cheapest) * 1e3


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="few modes, few points: a few minutes")
    parser.add_argument("--cases", nargs="*", choices=CASES, help="default: all")
    parser.add_argument("--peers", nargs="*", choices=PEERS, help="default: all that are installed")
    parser.add_argument("--targets", nargs="+", type=float, help="errors (default: 1e-4 1e-6)")
    parser.add_argument("--limit", type=float, help="processor seconds before a run is killed (default: 45; quick: 2)")
    parser.add_argument("--points", type=int, help="random points (default: 40; quick: 3); 0: none")
    parser.add_argument("--rounds", type=int, default=3, help="repetitions of the chosen runs (%(default)s)")
    parser.add_argument("-o", "--output", default="benchmark.png", help="the plot (%(default)s)")
    arguments = parser.parse_args()

    def choose(given, quick, full):
        return given if given is not None else quick if arguments.quick else full

    targets = choose(arguments.targets, (1e-4,), TARGETS)
    n_points = choose(arguments.points, 3, 40)
    limit = choose(arguments.limit, 2.0, 45.0)
    box_limit = max(1.0, limit / 9)
    peers = choose(arguments.peers, list(PEERS), list(PEERS))
    for peer in peers:
        if not PEERS[peer].is_installed:
            print(
                f"{PEERS[peer].label} is left out: {PEERS[peer].package} is not installed (pip install -e '.[peers]')"
            )
    peers = [peer for peer in peers if PEERS[peer].is_installed]
    benchmark_peers.compile_all(peers, benchmark_peers.equations(problem(CASES["5"], 0.1)))

    results = fixed_points(
        choose(arguments.cases, QUICK_CASES, CASES), [OURS, *peers], targets, limit, arguments.rounds
    )
    draw(results, [OURS, *peers], targets, arguments.output)
    resolved = averaged = (None, False)
    if n_points and "numbalsoda" in peers:
        resolved = box_against_numbalsoda(("N = 11", 11), n_points, targets, box_limit, arguments.rounds)
        averaged = box_against_numbalsoda(("averaged", 0), n_points, targets, box_limit, arguments.rounds)
    side_by_side = None
    if n_points and "numbalsoda" in peers:
        side_by_side = averaged_side_by_side(3 * n_points, box_limit, arguments.rounds)
    growth = exponent(results, OURS, GOAL_TARGET)
    milliseconds = accurate_solves(n_points, arguments.rounds) if n_points else None

    best = "times the best library code (Radau, CVODE of order 2)"
    goals = [
        ratio_goal("(4.1), N = 20: at least 1000 times numbalsoda LSODA", results, "20", ["numbalsoda"], 1e3),
        ratio_goal("(4.1), N = 48: at least 1e4 times numbalsoda LSODA", results, "48", ["numbalsoda"], 1e4),
        ratio_goal(f"(4.1), N = 48: at least 100 {best}, dense", results, "48", ["radau", "cvode_2"], 100),
        ratio_goal(
            f"(4.1), N = 48: at least 100 {best}, sparse", results, "48", ["radau_sparse", "cvode_2_sparse"], 100
        ),
        asked_goal("(4.1), N = 20: the same at the tolerance asked for, rtol = 1e-4", results, "20", 1e3),
        asked_goal("(4.1), N = 48: the same at the tolerance asked for, rtol = 1e-4", results, "48", 1e4),
        Goal("box, N = 11: at least 500 times numbalsoda LSODA, median", resolved[0], 500, is_bound=resolved[1]),
        Goal("box, averaged: at least 2 times numbalsoda LSODA, median", averaged[0], 2, is_bound=averaged[1]),
        Goal("box at M = 2 GeV, averaged, side by side: at least 15 times numbalsoda LSODA, mean", side_by_side, 15),
        Goal("(4.1): exponent of growth from 11 to 82 modes, at most 1", growth and growth[0], 1, False),
        Goal("box, 16 Gauss-Legendre modes at 0.1 % total error: at most 1.5 ms, median", milliseconds, 1.5, False),
    ]
    print(f"\nGoals, at error {GOAL_TARGET:g}, on one core")
    for goal in goals:
        print("  ", goal)
    return int(any(goal.verdict == "MISSED" for goal in goals))


if __name__ == "__main__":
    sys.exit(main())
