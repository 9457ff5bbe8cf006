#!/usr/bin/env bash
# Sets up nvcc 13.0 from PyPI wheels in a folder: no root, no GPU, no driver.
#
#   deploy/cuda-toolkit.sh FOLDER      sets it up, unless it is there, and says what to set
#   eval "$(deploy/cuda-toolkit.sh FOLDER)"   sets it up and sets it
#
# It needs python3 with venv, a C++ compiler, and about 300 MB. Progress goes to standard error.
set -euo pipefail

usage() {
    sed -n '2,7s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 2
}

say() { printf 'cuda-toolkit: %s\n' "$*" >&2; }

[ $# -eq 1 ] || usage
case $1 in -*) usage ;; esac

# The driver that is asked for is of this version, too.
version=13.0

command -v python3 >/dev/null || { say "python3 is missing: apt install python3 python3-venv"; exit 1; }
command -v "${NVCC_CCBIN:-g++}" >/dev/null ||
    { say "nvcc needs a C++ compiler: apt install g++, or name one in NVCC_CCBIN"; exit 1; }
mkdir -p "$1" || { say "$1 cannot be made: choose a folder that you may write to"; exit 1; }
folder=$(cd "$1" && pwd)

# Where the wheels put it; nothing where they did not.
home_of() {
    local found
    for found in "$folder"/venv/lib/python3*/site-packages/nvidia/cu13; do
        if [ -d "$found" ]; then
            echo "$found"
            return
        fi
    done
}

home=$(home_of)
if [ -z "$home" ] || ! "$home/bin/nvcc" --version >/dev/null 2>&1; then
    say "setting up nvcc $version in $folder"
    python3 -m venv "$folder/venv" >&2 ||
        { say "python3 cannot make a virtual environment: apt install python3-venv"; exit 1; }
    "$folder/venv/bin/python" -m pip install "cuda-toolkit[nvcc,cudart,cccl]==$version.*" >&2 ||
        { say "the wheels cannot be had: is PyPI, or the mirror in pip's configuration, reachable?"; exit 1; }
    home=$(home_of)
fi

[ -n "$home" ] && "$home/bin/nvcc" --version >&2 ||
    { say "nvcc does not start: remove $folder and try again"; exit 1; }
# Some of what calls nvcc looks here for libraries.
[ -e "$home/lib64" ] || ln -s lib "$home/lib64"

printf 'export CUDA_HOME=%q\n' "$home"
# shellcheck disable=SC2016 # for the shell that reads it
printf 'export PATH=%q:"$PATH"\n' "$home/bin"
