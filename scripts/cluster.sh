# Runs a cluster on this machine: one etcd and three nodes on 127.0.0.1, each in a folder of its own below data/cluster. Sourced; defines functions only.
#
#   etcd     7420 for the nodes, 7421 for other members of an etcd
#   n1..n3   UDP 7401..7403 for clients and each other, TCP 7411..7413 for health

cluster_nodes=(n1 n2 n3)
cluster_port=7400 # all others are counted from it
cluster_data=${BROKER_CLUSTER_DATA:-$root/data/cluster}
cluster_patience=60

cluster_help() {
    cat <<'TEXT'
./run.sh cluster             sets up and starts an etcd and the nodes n1, n2, n3; Ctrl-C or SIGTERM stops them all in order
./run.sh cluster node n2     starts one of them, which was killed or stopped, in this terminal
TEXT
}

# run_cluster [node NAME]
run_cluster() {
    if [[ $# -eq 0 ]]; then
        set_up_cluster && start_cluster
    elif [[ $# -eq 2 && $1 == node ]] && is_cluster_node "$2"; then
        set_up_cluster && run_cluster_node "$2"
    else
        cluster_help >&2
        return 2
    fi
}

set_up_cluster() { require_dotnet && setup_quic && setup_etcd && build_product; }

is_cluster_node() { [[ " ${cluster_nodes[*]} " == *" $1 "* ]]; }

node_port() { echo $((cluster_port + ${1#n})); }

# find_process NAME: sets pid to the process of a node or of etcd, and fails if it does not run. Numbers of processes are used again, so it is looked at what it was started as.
# Here and wherever a signal may come there is no $(...): bash 5.2 misreads a trap that strikes while it reads one.
find_process() {
    local word
    pid=''
    [[ -r $cluster_data/$1.pid ]] && read -r pid <"$cluster_data/$1.pid" && [[ -r /proc/$pid/cmdline ]] || return 1
    while IFS= read -r -d '' word; do
        [[ $word != "$cluster_data/$1" ]] || return 0
    done 2>/dev/null <"/proc/$pid/cmdline"
    return 1
}

# Replaces this shell by a node. Settings of a node by itself, which the shell may have, are not meant for it.
run_cluster_node() {
    local name=$1 setting
    for setting in $(compgen -e | grep '^BROKER_' || true); do
        [[ $setting =~ ^BROKER_(LIMITS|STORAGE|LOGGING|TRANSPORT|CLUSTER__) ]] || unset "$setting"
    done
    export BROKER_HEALTH__PORT=$((cluster_port + 10 + ${name#n}))
    mkdir -p "$cluster_data"
    echo "$BASHPID" >"$cluster_data/$name.pid"
    exec dotnet "$(built_file src/Broker.Node Broker.Node.dll)" --name "$name" --data "$cluster_data/$name" --certs "$cluster_data/certs" \
        --listen 127.0.0.1 --port "$(node_port "$name")" --development-certificates \
        --cluster-etcd "http://127.0.0.1:$((cluster_port + 20))" --cluster-advertise "127.0.0.1:$(node_port "$name")"
}

run_cluster_etcd() {
    local name=etcd client=http://127.0.0.1:$((cluster_port + 20)) peer=http://127.0.0.1:$((cluster_port + 21)) setting
    for setting in $(compgen -e | grep '^ETCD_' || true); do
        unset "$setting"
    done
    echo "$BASHPID" >"$cluster_data/$name.pid"
    exec etcd --name "$name" --data-dir "$cluster_data/$name" --logger zap --log-level warn \
        --listen-client-urls "$client" --advertise-client-urls "$client" --listen-peer-urls "$peer" --initial-advertise-peer-urls "$peer" \
        --initial-cluster "$name=$peer" --initial-cluster-token broker-development \
        --auto-compaction-mode revision --auto-compaction-retention 10000
}

start_cluster() {
    local name pid
    mkdir -p "$cluster_data" && chmod 700 "$cluster_data" || return 1
    for name in etcd "${cluster_nodes[@]}"; do
        if find_process "$name"; then
            echo "$name runs already, as process $pid; stop it, or the ./run.sh cluster that it belongs to" >&2
            return 1
        fi
    done

    exec {cluster_silence}<> <(:)
    # Jobs with process groups of their own: Ctrl-C on the terminal then reaches this shell alone, which stops them in order.
    set -m
    trap 'stopping=yes' INT TERM
    stopping='' status=0
    launch etcd run_cluster_etcd
    for name in "${cluster_nodes[@]}"; do
        launch "$name" run_cluster_node "$name"
    done
    if await_cluster; then
        cat "$root/scripts/next-steps-cluster.txt"
        watch_cluster && status=0 || status=$?
    else
        [[ -n $stopping ]] && status=0 || status=1
    fi
    stop_cluster
    return "$status"
}

# launch NAME FUNCTION [ARGUMENT]: in the background, with its output in a file.
launch() {
    local name=$1
    shift
    "$@" </dev/null >"$cluster_data/$name.log" 2>&1 &
    echo "$!" >"$cluster_data/$name.pid"
    disown # or the shell would tell of its end in words of its own
}

await_cluster() {
    local name pid deadline=$((SECONDS + cluster_patience))
    for name in "${cluster_nodes[@]}"; do
        until [[ -n $stopping ]] || is_ready "$name"; do
            read -r pid <"$cluster_data/$name.pid"
            if [[ ! -d /proc/$pid ]]; then
                echo "$name has ended; the end of $cluster_data/$name.log:" >&2
                tail -n 5 "$cluster_data/$name.log" >&2
                return 1
            elif [[ $SECONDS -ge $deadline ]]; then
                echo "$name was not ready within $cluster_patience s; the end of $cluster_data/$name.log:" >&2
                tail -n 5 "$cluster_data/$name.log" >&2
                return 1
            fi
            pause 0.2
        done
        [[ -z $stopping ]] && find_process "$name" || return 1
        echo "$name serves udp 127.0.0.1:$((cluster_port + ${name#n})), process $pid, log in $cluster_data/$name.log"
    done
}

# By the shell, as in the image's health check: a machine need not have curl.
is_ready() (
    exec 2>/dev/null 3<>"/dev/tcp/127.0.0.1/$((cluster_port + 10 + ${1#n}))" || exit 1
    printf 'GET /health/ready HTTP/1.0\r\n\r\n' >&3
    read -r -t 5 answer <&3 && [[ $answer == *' 200 '* ]]
)

# Waits without a process of its own, of whose end the shell would tell: for a line that never comes.
pause() { read -r -t "$1" -u "$cluster_silence" || true; }

# Says when a node goes and comes, until this shell is told to stop.
watch_cluster() {
    local name pid
    declare -A up
    for name in "${cluster_nodes[@]}"; do up[$name]=yes; done
    while [[ -z $stopping ]]; do
        for name in "${cluster_nodes[@]}"; do
            if find_process "$name"; then
                [[ -n ${up[$name]} ]] || echo "$name is back, process $pid"
                up[$name]=yes
            elif [[ -n ${up[$name]} ]]; then
                echo "$name has ended; ./run.sh cluster node $name brings it back"
                up[$name]=''
            fi
        done
        if ! find_process etcd; then
            echo "etcd has ended; the end of $cluster_data/etcd.log:" >&2
            tail -n 5 "$cluster_data/etcd.log" >&2
            return 1
        fi
        pause 0.5
    done
}

# The nodes first, all at once, then what they agree in.
stop_cluster() {
    local name pid
    for name in "${cluster_nodes[@]}"; do
        ! find_process "$name" || kill -TERM "$pid" || true
    done
    for name in "${cluster_nodes[@]}"; do
        await_end "$name"
    done
    ! find_process etcd || kill -TERM "$pid" || true
    await_end etcd
}

# Waits for an end, and brings it about when it does not come.
await_end() {
    local deadline=$((SECONDS + 40))
    while find_process "$1"; do
        if [[ $SECONDS -ge $deadline ]]; then
            echo "$1 does not end; it is killed" >&2
            kill -KILL "$pid" || true
            deadline=$((SECONDS + 40))
        fi
        pause 0.1
    done
    rm -f "$cluster_data/$1.pid"
}
