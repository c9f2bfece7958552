#!/bin/sh
# Installs what is missing: system packages where that is allowed, then the Python environment in .venv.
set -eu
cd "$(dirname "$0")/.."

say() { printf 'set-up: %s\n' "$*"; }

missing_packages() {
    grep -v '^#' setup/system_packages.txt | while read -r package; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || printf '%s ' "$package"
    done
    # The sanitizers of clang are a package of their own, numbered like the compiler, on some releases only.
    if command -v clang >/dev/null; then
        runtime="libclang-rt-$(clang -dumpversion | cut -d. -f1)-dev"
        if apt-cache show "$runtime" >/dev/null 2>&1; then
            dpkg-query -W -f '${Status}' "$runtime" 2>/dev/null | grep -q 'ok installed' || printf '%s ' "$runtime"
        fi
    fi
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

install_packages() {
    command -v dpkg-query >/dev/null || { say "no Debian packages here; a C compiler is used where there is one"; return; }
    for round in compilers sanitizers; do
        packages=$(missing_packages)
        [ -n "$packages" ] || return 0
        if [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; then
            say "$round: apt-get install $packages"
            as_root apt-get update -qq
            # shellcheck disable=SC2086
            as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >/dev/null
        else
            say "missing: $packages- to have all runtimes type: sudo apt-get install $packages"
            return 0
        fi
    done
}

python_environment() {
    python=${PYTHON:-python3}
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
        say "$python is older than 3.11; set PYTHON to a newer one"
        exit 2
    }
    [ -x .venv/bin/pip ] || "$python" -m venv .venv
    wanted=$(cat pyproject.toml setup/setup.sh | sha256sum)
    [ "$(cat .venv/installed 2>/dev/null)" = "$wanted" ] && return 0
    say "pip install -e .[all,dev] into .venv (TensorFlow is 600 MB; once)"
    .venv/bin/pip install --quiet --disable-pip-version-check -e '.[all,dev]'
    printf '%s\n' "$wanted" >.venv/installed
}

install_packages
python_environment
