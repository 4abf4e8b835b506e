# Breaks one rule at a time in a copy of the tree, and runs the histories of simulated clusters, which have to notice. Sourced; defines functions only.

# choose_mutants [NAME...] [--count N]: sets mutants, the names, and mutant_runs, how many histories each is given to be noticed in.
choose_mutants() {
    mutants=() mutant_runs=1000
    while [[ $# -gt 0 ]]; do
        if [[ $1 == --count ]]; then
            mutant_runs=${2:-}
            shift
        elif [[ -f $root/tests/mutants/$1.patch ]]; then
            mutants+=("$1")
        else
            echo "There is no mutant '$1'. Mutants: $(cd "$root/tests/mutants" && echo *.patch | sed 's/\.patch//g')" >&2
            return 1
        fi
        shift || true
    done
    if [[ ! $mutant_runs =~ ^[1-9][0-9]*$ ]]; then
        echo "--count takes a whole number of at least 1." >&2
        return 1
    fi
    if [[ ${#mutants[@]} -eq 0 ]]; then
        local patch
        for patch in "$root"/tests/mutants/*.patch; do
            patch=${patch##*/}
            mutants+=("${patch%.patch}")
        done
    fi
}

# Prints a line for each: "caught", with the histories and the checkers or tests that noticed, or "failed", with what went wrong; then the sums.
run_mutants() {
    local tree=$root/artifacts/mutants/tree name caught=0 survived=0
    copy_tree "$tree" || return 1
    for name in "${mutants[@]}"; do
        if run_mutant "$tree" "$name"; then
            caught=$((caught + 1))
        else
            survived=$((survived + 1))
        fi
    done
    echo "$caught passed, $survived failed"
    [[ $survived -eq 0 ]]
}

# A repository of its own: within another one's, `git apply` takes paths to be of that one.
copy_tree() {
    rm -rf "$1" && mkdir -p "$1" || return 1
    (cd "$root" && git ls-files -z --cached --others --exclude-standard | tar --create --null --files-from=- --ignore-failed-read) | tar --extract --directory="$1" || return 1
    git -C "$1" init --quiet
}

# A mutant that no history notices may still break a test of the machine: some rules are kept twice.
run_mutant() {
    local tree=$1 name=$2 patch=$root/tests/mutants/$2.patch output=$root/artifacts/mutants/$2.txt by=''
    if ! git -C "$tree" apply "$patch"; then
        echo "failed $name: tests/mutants/$name.patch does not apply any more"
        return 1
    fi
    if test_mutant "$tree" Simulation --filter-method '*ClusterTests.Nothing_confirmed*' >"$output" 2>&1; then
        test_mutant "$tree" Machines --filter-namespace '*Replication*' >>"$output" 2>&1 || by=$?
    else
        by=$?
    fi
    git -C "$tree" apply --reverse "$patch" || return 1
    case $by in
        2) echo "caught $name: $(noticed_by "$output")" ;;
        '') echo "failed $name: survived $mutant_runs histories and the tests of the machine" ;;
        *) echo "failed $name: exit code $by, see artifacts/mutants/$name.txt" ;;
    esac
    [[ $by == 2 ]]
}

# test_mutant TREE PROJECT OPTION...: builds and runs. What is mutated may leave something unused, which is no matter here. Exit code 2 is "tests failed".
test_mutant() {
    local folder=tests/Broker.$2.Tests
    (cd "$1" && dotnet msbuild "$folder" -restore -property:Configuration="$build_configuration" -property:TreatWarningsAsErrors=false \
        -property:RunAnalyzers=false -maxCpuCount -nodeReuse:false -nologo -verbosity:quiet -tl:off) || return 1
    BROKER_CLUSTER_SIM_RUNS=$mutant_runs BROKER_CLUSTER_SIM_SEED=1 timeout --kill-after=10 "$test_timeout" \
        dotnet "$1/$folder/bin/$build_configuration/net10.0/Broker.$2.Tests.dll" --no-ansi --no-progress "${@:3}"
}

# Of each failed history the checker that is first in the stack; else the names of the tests.
noticed_by() {
    if grep -q 'simulate --seed' "$1"; then
        echo "seeds $(grep -oP 'simulate --seed \K\d+' "$1" | paste -sd ' ') of $mutant_runs, by" \
            "$(awk '/simulate --seed/{open=1} open && match($0, /Checkers\.[A-Za-z]+/){print substr($0, RSTART + 9, RLENGTH - 9); open=0}' "$1" | sort -u | paste -sd ' ')"
    else
        grep -oP '^failed \K\S+' "$1" | sed 's/.*\.//' | paste -sd ' '
    fi
}
