#!/usr/bin/env bash
# Measures three nodes of this broker beside three of RabbitMQ and of NATS JetStream, all on this machine: bench/compare.sh [--rounds 3] [--seconds 10] [--only "ours rabbitmq jetstream"] [--install]
#
# The brokers take turns: one cluster is up at a time, in folders of its own below a temporary one (TMPDIR says where, which must be on a disk), with these ports on 127.0.0.1:
#   27400  this broker and its etcd, as scripts/cluster.sh counts them
#   27431  RabbitMQ: 1..3 for clients, 11..13 between nodes, 19 for epmd
#   27461  NATS: 1..3 for clients, 11..13 between nodes
set -euo pipefail
root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)
. "$root/scripts/setup.sh"
. "$root/scripts/build.sh"

rounds=3 seconds=10 brokers='ours rabbitmq jetstream' install=''
rabbit_port=27430 nats_port=27460
rabbit_bin=${RABBITMQ_BIN:-/usr/lib/rabbitmq/bin} # the scripts in PATH insist on the user that owns the system's own node
compare_patience=120

usage() { sed -n '2s/^# //p' "$0"; }

while [[ $# -gt 0 ]]; do
    case $1 in
        --rounds) rounds=$2 && shift 2 ;;
        --seconds) seconds=$2 && shift 2 ;;
        --only) brokers=$2 && shift 2 ;;
        --install) install=yes && shift ;;
        *) usage >&2 && exit 2 ;;
    esac
done

for broker in $brokers; do
    [[ $broker =~ ^(ours|rabbitmq|jetstream)$ ]] || { usage >&2 && exit 2; }
done

# need BROKER COMMAND PACKAGE SERVICE...
need() {
    if [[ " $brokers " != *" $1 "* ]] || PATH=$PATH:/usr/sbin command -v "$2" >/dev/null; then
        return 0
    elif [[ -n $install ]]; then
        apt_install_stopped "${@:3}"
    else
        echo "$2 is missing: install what Debian calls $3, or start again with --install, which does so without starting its service." >&2
        return 1
    fi
}

# run_rabbitmq NAME: in place of this shell. ALLOW_INPUT makes the script become the node and not its parent.
run_rabbitmq() {
    local name=$1 folder=$data/$1 number=${1#rabbit} other
    mkdir -p "$folder"
    echo '[].' | tee "$folder/plugins" >"$folder/advanced.config"
    : >"$folder/environment"
    {
        echo "listeners.tcp.1 = 127.0.0.1:$((rabbit_port + number))"
        echo 'log.file = false'
        echo 'log.console = true'
        echo 'log.console.level = warning'
        echo 'cluster_formation.peer_discovery_backend = classic_config'
        for other in 1 2 3; do
            echo "cluster_formation.classic_config.nodes.$other = compared$other@localhost"
        done
    } >"$folder/rabbitmq.conf"
    export HOME=$data/erlang ERL_EPMD_PORT=$((rabbit_port + 19)) ERL_EPMD_ADDRESS=127.0.0.1 \
        RABBITMQ_NODENAME=compared$number@localhost RABBITMQ_DIST_PORT=$((rabbit_port + 10 + number)) \
        RABBITMQ_MNESIA_BASE=$folder RABBITMQ_LOG_BASE=$folder RABBITMQ_CONFIG_FILE=$folder/rabbitmq RABBITMQ_ADVANCED_CONFIG_FILE=$folder/advanced.config \
        RABBITMQ_CONF_ENV_FILE=$folder/environment RABBITMQ_ENABLED_PLUGINS_FILE=$folder/plugins RABBITMQ_PID_FILE=$folder/pid RABBITMQ_FEATURE_FLAGS_FILE=$folder/flags \
        RABBITMQ_ALLOW_INPUT=yes RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-noinput -kernel inet_dist_use_interface {127,0,0,1}'
    exec "$rabbit_bin/rabbitmq-server"
}

run_epmd() { exec epmd -address 127.0.0.1 -port $((rabbit_port + 19)); }

run_nats() {
    local name=$1 number=${1#nats} routes='' other
    for other in 1 2 3; do
        routes+="nats://127.0.0.1:$((nats_port + 10 + other)) "
    done
    cat >"$data/$name.conf" <<TEXT
server_name: $name
listen: 127.0.0.1:$((nats_port + number))
jetstream { store_dir: "$data/$name" }
cluster { name: compared, listen: 127.0.0.1:$((nats_port + 10 + number)), routes: [ ${routes// /, } ] }
TEXT
    exec nats-server -c "$data/$name.conf"
}

# begin NAME FUNCTION [ARGUMENT]: as launch of scripts/cluster.sh, in a process group of its own, and remembered.
begin() {
    launch "$@"
    started+=("$1")
}

# end_all: kills what was begun, with its children; its data is not wanted any more.
end_all() {
    local name pid
    if [[ -n $load ]] && kill -KILL -- "-$load" 2>/dev/null; then
        wait "$load" 2>/dev/null || true # or the shell would tell of its end in words of its own
    fi
    for name in ${started[@]+"${started[@]}"}; do
        read -r pid <"$data/$name.pid"
        kill -KILL -- "-$pid" 2>/dev/null || true
    done
    for name in ${started[@]+"${started[@]}"}; do
        read -r pid <"$data/$name.pid"
        while kill -0 -- "-$pid" 2>/dev/null; do pause 0.1; done
        rm -rf "${data:?}/$name"
    done
    started=()
}

# await NAME PORT: until it takes connections.
await() {
    local name=$1 port=$2 pid deadline=$((SECONDS + compare_patience))
    read -r pid <"$data/$name.pid"
    until (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
        if [[ ! -d /proc/$pid || $SECONDS -ge $deadline ]]; then
            echo "$name has ended, or does not listen at port $port within $compare_patience s; the end of its log:" >&2
            tail -n 20 "$data/$name.log" >&2
            return 1
        fi
        pause 0.2
    done
}

start_ours() {
    local name
    begin etcd run_cluster_etcd
    for name in "${cluster_nodes[@]}"; do begin "$name" run_cluster_node "$name"; done
    await_cluster
}

# One after the other: nodes that form a cluster at once may form two.
start_rabbitmq() {
    local number
    mkdir -p "$data/erlang"
    [[ -f $data/erlang/.erlang.cookie ]] || (umask 377 && echo compared >"$data/erlang/.erlang.cookie")
    begin epmd run_epmd
    await epmd $((rabbit_port + 19))
    for number in 1 2 3; do
        begin "rabbit$number" run_rabbitmq "rabbit$number"
        await "rabbit$number" $((rabbit_port + number))
    done
}

start_jetstream() {
    local number
    for number in 1 2 3; do begin "nats$number" run_nats "nats$number"; done
    for number in 1 2 3; do await "nats$number" $((nats_port + number)); done
}

# turn BROKER: starts its cluster, measures, and ends it.
turn() {
    local name pid number port names arguments=()
    "start_$1"
    case $1 in
        ours) names=("${cluster_nodes[@]}" etcd) port=$cluster_port && arguments+=(--certs "$data/certs") ;;
        rabbitmq) names=(rabbit{1,2,3}) port=$rabbit_port ;;
        jetstream) names=(nats{1,2,3}) port=$nats_port ;;
    esac
    for number in 1 2 3; do arguments+=(--address "127.0.0.1:$((port + number))"); done
    for name in "${names[@]}"; do
        read -r pid <"$data/$name.pid"
        arguments+=(--process "$pid")
    done
    # Waited for, because a signal that comes meanwhile ends a wait and not a command.
    dotnet "$bench" peer "$1" "${arguments[@]}" --seconds "$seconds" --results "$data/results" </dev/null &
    load=$!
    wait "$load"
    load=''
    end_all
}

require_dotnet
setup_quic
setup_etcd
erlang_services=(epmd.service epmd.socket) # of a package that comes along, unless it is there already and somebody's
! command -v epmd >/dev/null || erlang_services=()
need rabbitmq rabbitmq-server rabbitmq-server rabbitmq-server ${erlang_services[@]+"${erlang_services[@]}"}
need jetstream nats-server nats-server nats-server
build_product
bench=$(built_file bench/Broker.Bench Broker.Bench.dll)
build_if_changed bench bench/Broker.Bench/Broker.Bench.csproj "$bench" src bench

PATH=$PATH:/usr/sbin
data=$(mktemp -d) started=() load=''
BROKER_CLUSTER_DATA=$data
. "$root/scripts/cluster.sh"
cluster_port=27400 stopping=''
exec {cluster_silence}<> <(:)
trap 'end_all; rm -rf "$data"' EXIT
trap 'exit 130' INT TERM
set -m # process groups of their own, which end as a whole

file_system=$(stat -f -c %T "$data")
if [[ $file_system == tmpfs ]]; then
    echo "$data is in memory, where to sync costs nothing; name a folder on a disk in TMPDIR." >&2
    exit 1
fi
echo "$(nproc) processors, data on $file_system; RabbitMQ $(dpkg-query -W -f '${Version}' rabbitmq-server 2>/dev/null || echo '(not from a package)'), $(nats-server --version 2>/dev/null || true)"
for ((round = 1; round <= rounds; round++)); do
    for broker in $brokers; do
        echo "round $round of $rounds: $broker"
        turn "$broker"
    done
done
echo
dotnet "$bench" comparison --results "$data/results"
