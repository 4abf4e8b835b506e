#!/usr/bin/env bash
# Sets up what is missing, builds, and runs the tests. The last line is "N passed, N failed", with ", N skipped" if any were.
#   ./test.sh                          every test
#   ./test.sh Protocol Node            only tests/Broker.Protocol.Tests and tests/Broker.Node.Tests
#   ./test.sh interop                  only tests/interop, the foreign clients
#   ./test.sh Node -- --filter-method '*certificate*'
#   ./test.sh simulate --forever       histories of simulated clusters until one fails; --from N: the first seed, 1001 unless given
#   ./test.sh simulate --count N       so many of them
#   ./test.sh simulate --seed N        one of them; --log FILE: writes down all that happens
#   ./test.sh mutants                  breaks the rules of tests/mutants, one at a time, and runs simulations that must notice; NAME...: only these
set -euo pipefail
root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
. "$root/scripts/setup.sh"
. "$root/scripts/build.sh"
. "$root/scripts/tests.sh"
. "$root/scripts/mutants.sh"

prepare() {
    require_dotnet && setup_quic || return 1
    [[ -z $interop ]] || setup_node_js || return 1
    [[ ! " ${projects[*]} " =~ " Broker."(Actors|Coordination|Node)".Tests " ]] || setup_etcd || return 1
    build_if_changed tests Broker.sln "$(built_file tests/Broker.Tidy.Tests Broker.Tidy.Tests.dll)" src tests bench examples
}

if [[ ${1:-} == mutants ]]; then
    choose_mutants "${@:2}" || exit 2
    require_dotnet && run_mutants
    exit
elif [[ ${1:-} == simulate ]]; then
    choose_simulations "${@:2}" || exit 2
else
    choose_tests "$@"
fi
if ! prepare; then
    echo "The set-up or the build failed, so no test ran."
    echo "0 passed, 1 failed"
    exit 1
fi
run_tests
