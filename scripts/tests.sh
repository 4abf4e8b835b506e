# Chooses and runs test projects one after the other and sums up. Sourced; defines functions only.

export TESTINGPLATFORM_TELEMETRY_OPTOUT=1

# A project that hangs is ended after so long, and counts as one failure.
test_timeout=${BROKER_TEST_TIMEOUT:-20m}

# choose_tests [PROJECT...] [-- OPTIONS OF THE TEST EXECUTABLES]: sets projects, interop and test_options.
choose_tests() {
    local project
    projects=() interop='' test_options=()
    while [[ $# -gt 0 && $1 != -- ]]; do
        if [[ $1 == -h || $1 == --help ]]; then
            sed -n '2,/^set /{/^# /s/^# //p}' "$root/test.sh"
            exit 0
        elif [[ $1 == interop && -f $root/tests/interop/run.sh ]]; then
            interop=yes
        elif [[ -d $root/tests/Broker.$1.Tests ]]; then
            projects+=("Broker.$1.Tests")
        elif [[ -d $root/tests/$1 ]]; then
            projects+=("$1")
        else
            echo "There is no test project '$1'. Projects: $(ls -d "$root"/tests/*.Tests | sed 's/.*Broker\.\(.*\)\.Tests/\1/' | tr '\n' ' ')interop" >&2
            exit 2
        fi
        shift
    done
    if [[ $# -gt 0 ]]; then
        shift
        test_options=("$@")
    fi
    if [[ ${#projects[@]} -eq 0 && -z $interop ]]; then
        for project in "$root"/tests/*.Tests; do
            projects+=("${project##*/}")
        done
        # Options of the .NET test executables mean nothing to the foreign clients.
        [[ ! -f $root/tests/interop/run.sh || ${#test_options[@]} -gt 0 ]] || interop=yes
    fi
}

# choose_simulations --forever [--from N] | --count N [--from N] | --seed N [--log FILE]: the histories of simulated clusters as the only test.
choose_simulations() {
    local runs='' first='' log=''
    while [[ $# -gt 0 ]]; do
        case $1 in
        --forever) runs=forever ;;
        --count) runs=${2:-} ;;
        --seed) runs=1 first=${2:-} ;;
        --from) first=${2:-} ;;
        --log) log=${2:-} ;;
        *)
            echo "'$1' is not known. Give --forever, --count N or --seed N; with the first two --from N, with the last --log FILE." >&2
            return 1
            ;;
        esac
        [[ $1 == --forever ]] || shift
        shift || true
    done
    [[ -n $first || $runs != forever ]] || first=1001 # those before are in every test run
    first=${first:-1}
    if [[ ! $runs =~ ^([0-9]+|forever)$ || ! $first =~ ^[0-9]+$ ]]; then
        echo "Give --forever, --count N or --seed N, where N is a whole number." >&2
        return 1
    fi
    export BROKER_CLUSTER_SIM_RUNS=$runs BROKER_CLUSTER_SIM_SEED=$first BROKER_CLUSTER_SIM_LOG=${log:+$(realpath -m "$log")}
    choose_tests Simulation -- --filter-method '*ClusterTests.Nothing_confirmed*'
}

run_tests() {
    local project
    passed=0 failed=0 skipped=0 failures=()
    mkdir -p "$root/artifacts/tests"
    for project in "${projects[@]}"; do
        run_project "$project"
    done
    [[ -z $interop ]] || run_interop
    if [[ $((passed + failed)) -eq 0 ]]; then
        echo "No test ran." >&2
        failed=1
    fi
    # Once more at the end: of a long run, often only that is kept.
    [[ ${#failures[@]} -eq 0 ]] || printf '%s\n' "== Failures" "${failures[@]}" ""
    if [[ $skipped -gt 0 ]]; then
        echo "$passed passed, $failed failed, $skipped skipped"
    else
        echo "$passed passed, $failed failed"
    fi
    [[ $failed -eq 0 ]]
}

# Shows what failed and was skipped, with the reasons; passed tests are only counted.
run_project() {
    local output=$root/artifacts/tests/$1.txt status=0 counts
    echo "== $1"
    timeout --kill-after=10 "$test_timeout" dotnet "$(built_file "tests/$1" "$1.dll")" --no-ansi --no-progress "${test_options[@]}" >"$output" 2>&1 || status=$?
    # Exit code 8 is "no test ran": expected of a project that a filter leaves empty, and of no other.
    if [[ $status -eq 8 && ${#test_options[@]} -gt 0 ]]; then
        return 0
    fi
    sed '/^Test run summary:/,$d' "$output"
    note_failures "$output"
    counts=$(sed -n '/^Test run summary:/,$s/^  \(failed\|succeeded\|skipped\): \([0-9]*\)$/\1=\2/p' "$output")
    count_results "$1" "$status" "$counts"
}

# tests/interop/run.sh prints its failures, then "N passed, N failed[, N skipped]".
run_interop() {
    local output=$root/artifacts/tests/interop.txt status=0 counts
    echo "== interop"
    timeout --kill-after=10 "$test_timeout" bash "$root/tests/interop/run.sh" >"$output" 2>&1 || status=$?
    sed '/^[0-9]* passed, [0-9]* failed/d' "$output"
    note_failures "$output"
    counts=$(sed -nE 's/^([0-9]+) passed, ([0-9]+) failed(, ([0-9]+) skipped)?$/succeeded=\1 failed=\2 skipped=\4/p' "$output" | tail -n 1)
    count_results interop "$status" "$counts"
}

# Remembers each failed test with the lines that follow it, up to the next test, 12 at most.
note_failures() {
    local text
    text=$(awk '/^failed /{left=12} /^(passed|skipped) /{left=0} left-- > 0' "$1")
    [[ -z $text ]] || failures+=("$text")
}

# A run that ends without its counts, or badly though its counts show no failure, is itself a failure.
count_results() {
    local name=$1 status=$2 failed_here=0 line
    for line in $3; do
        case $line in
            succeeded=*) passed=$((passed + ${line#*=})) ;;
            failed=*) failed_here=$((failed_here + ${line#*=})) ;;
            skipped=*) skipped=$((skipped + 10#0${line#*=})) ;; # nothing is 0; and 0148 is no octal number
        esac
    done
    if [[ $failed_here -eq 0 && ($status -ne 0 || -z $3) ]]; then
        case $status in
            8) echo "failed $name: no test ran" ;;
            124 | 137) echo "failed $name: ended after $test_timeout" ;;
            *) echo "failed $name: exit code $status" ;;
        esac
        failed_here=1
        failures+=("failed $name: see above")
    fi
    failed=$((failed + failed_here))
}
