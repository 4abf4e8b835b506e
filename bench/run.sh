#!/usr/bin/env bash
# Builds in Release, starts a node and a load process on this machine, and prints a table: bench/run.sh [--seconds 5] [--runs 3] [--only SUBSTRING] [--transport auto]
set -euo pipefail
root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)
. "$root/scripts/setup.sh"
. "$root/scripts/build.sh"

require_dotnet
setup_quic
node=$(built_file src/Broker.Node Broker.Node.dll)
bench=$(built_file bench/Broker.Bench Broker.Bench.dll)
build_if_changed product Broker.Product.slnf "$node" src
build_if_changed bench bench/Broker.Bench/Broker.Bench.csproj "$bench" src bench

data=$(mktemp -d)
trap 'rm -rf "$data"' EXIT
dotnet "$node" certs --data "$data" >/dev/null
dotnet "$bench" run --node "$node" --certs "$data/certs" "$@"
