#!/usr/bin/env bash
# Runs the tests with foreign clients. The last line is "N passed, N failed", with ", N skipped" if any were.
#   tests/interop/run.sh                       every test
#   tests/interop/run.sh tests/vectors.test.mjs
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")"

if [[ $(uname -sm) != "Linux x86_64" ]]; then
    echo "skipped: the quiche package has a build for Linux on x86-64 only, among those that this script runs on"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
fi

# Installs the packages of the lock file unless they are there. Two runs at once must not install into one folder.
install_packages() {
    (
        flock 9
        if ! cmp -s package-lock.json node_modules/.installed; then
            npm ci --no-progress >&2
            cp package-lock.json node_modules/.installed
        fi
    ) 9<package-lock.json
}

install_packages
[[ $# -gt 0 ]] || set -- tests/*.test.mjs
node --test --test-reporter=./reporter.mjs "$@"
