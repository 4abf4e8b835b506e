#!/usr/bin/env bash
# Sets up what is missing, builds, and runs one broker node in the foreground. Ctrl-C or SIGTERM stops it in order.
# Options go to the node: ./run.sh --port 7500 --data /var/tmp/broker (see docs/configuration.md, or ./run.sh --help).
# ./run.sh cluster runs an etcd and three nodes instead (scripts/cluster.sh).
set -euo pipefail
root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
. "$root/scripts/setup.sh"
. "$root/scripts/build.sh"

if [[ ${1:-} == cluster ]]; then
    . "$root/scripts/cluster.sh"
    shift
    run_cluster "$@"
    exit
fi

require_dotnet
setup_quic
build_product

export BROKER_DATA=${BROKER_DATA:-$root/data}
exec dotnet "$(built_file src/Broker.Node Broker.Node.dll)" --development-certificates --welcome "$root/scripts/next-steps.txt" "$@"
