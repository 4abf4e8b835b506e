#!/usr/bin/env bash
# Starts a node and runs the tests of foreign clients against it. The last line is "N passed, N failed", with ", N skipped" if any were.
#   ./test.sh interop                             sets up, builds, and runs this
#   tests/interop/run.sh tests/consume.test.mjs   some of it, on what was built
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")"
broker=../../src/Broker.Node/bin/Release/net10.0/Broker.Node.dll

main() {
    if [[ $(uname -sm) != "Linux x86_64" ]]; then
        echo "skipped interop: the quiche package has no build for $(uname -sm)"
        echo "0 passed, 0 failed, 1 skipped"
        return 0
    fi
    if [[ ! -f $broker ]]; then
        echo "There is no $broker: run ./test.sh interop, which builds it." >&2
        return 1
    fi
    [[ $# -gt 0 ]] || set -- tests/*.test.mjs

    install_packages
    work=$(mktemp -d)
    trap clean_up EXIT
    start_node
    run_tests "$@"
}

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

# Sets node_pid and what client/node.mjs reads. The node says on its standard output where it serves, once it does.
start_node() {
    local line
    dotnet "$broker" certs --certs "$work/foreign" >/dev/null
    coproc node { exec dotnet "$broker" --listen 127.0.0.1 --port 0 --data "$work/data" --certs "$work/certs" --development-certificates 2>"$work/node.log"; }
    node_pid=$!
    if read -r -t 60 line <&"${node[0]}" && [[ $line =~ serves\ udp\ [^\ ]*:([0-9]+)\  ]]; then
        export INTEROP_PORT=${BASH_REMATCH[1]} INTEROP_CERTS=$work/certs INTEROP_FOREIGN_CERTS=$work/foreign
        return 0
    fi
    echo "The node did not start: ${line:-nothing on its standard output}" >&2
    cat "$work/node.log" >&2
    return 1
}

# A node that logs errors under the tests, or does not stop in order after them, is one more failure.
run_tests() {
    local passed failed skipped status=0
    node --test --test-reporter=./reporter.mjs "$@" >"$work/tests.txt" || status=$?
    sed '$d' "$work/tests.txt"
    if ! [[ $(tail -n 1 "$work/tests.txt") =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed(, [0-9]+ skipped)?$ ]]; then
        tail -n 1 "$work/tests.txt"
        return 1
    fi
    passed=${BASH_REMATCH[1]} failed=${BASH_REMATCH[2]} skipped=${BASH_REMATCH[3]}
    if ! stop_node || grep -E ' (fail|crit): ' "$work/node.log"; then
        echo "failed The node neither logs errors nor fails to stop in order"
        failed=$((failed + 1))
    fi
    [[ $failed -eq 0 ]] || sed 's/^/node: /' "$work/node.log"
    echo "$passed passed, $failed failed$skipped"
    [[ $failed -eq 0 && $status -eq 0 ]]
}

# Waits for the orderly stop; its exit code is the node's.
stop_node() {
    local pid=$node_pid
    node_pid=
    kill "$pid" && wait "$pid"
}

clean_up() {
    [[ -z ${node_pid:-} ]] || kill "$node_pid" 2>/dev/null || true
    rm -rf "$work"
}

main "$@"
