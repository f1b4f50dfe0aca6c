#!/bin/sh
# Demonstrates ws1-token against an emulated tenant on this machine: emulator/try.sh [--keep] BIN EMULATOR
# BIN is the directory of ws1-token and git-credential-ws1, EMULATOR the program ws1-emulator; both are absolute paths.
# With --keep the tenant stays, with a home directory of its own that has a profile for it.
# `install.sh --try` builds both and calls this.
set -eu

main() {
    keep=
    if [ "${1:-}" = --keep ]; then
        keep=yes
        shift
    fi
    [ $# -eq 2 ] || misuse "two arguments are needed"
    bin=$1
    emulator=$2
    scratch=
    emulator_pid=
    trap clean_up EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 141' PIPE
    trap 'exit 143' TERM
    scratch=$(mktemp -d "${TMPDIR:-/tmp}/ws1-token-try.XXXXXX")
    scratch=$(cd "$scratch" && pwd)
    home=$scratch/home
    mkdir "$home" "$home/tmp"
    start_emulator
    write_profile
    if [ -n "$keep" ]; then
        write_commands
        describe_home
        # Nothing is cleaned up: `stop` does that.
        trap - EXIT
    else
        run_steps
    fi
}

say() {
    printf '%s\n' "$*"
}

die() {
    printf 'try.sh: %s\n' "$*" >&2
    exit 1
}

misuse() {
    printf 'try.sh: %s\nUsage: emulator/try.sh [--keep] BIN EMULATOR\n' "$*" >&2
    exit 2
}

# The exit trap: stops the emulator, removes temporary files and keeps the exit status.
clean_up() {
    status=$?
    trap '' HUP INT PIPE TERM
    if [ -n "$emulator_pid" ]; then
        kill "$emulator_pid" 2>/dev/null || true
        wait "$emulator_pid" 2>/dev/null || true
    fi
    [ -z "$scratch" ] || rm -rf "$scratch"
    exit "$status"
}

# Replaces the shell with a command that does not see the user's configuration, cache and variables.
isolated() {
    cd "$home"
    exec env -i HOME="$home" TMPDIR="$home/tmp" PATH="$bin:$PATH" LC_ALL=C \
        XDG_CONFIG_HOME="$home/.config" XDG_CACHE_HOME="$home/.cache" \
        KUBECONFIG="$home/kubeconfig" GIT_CONFIG_NOSYSTEM=1 GIT_TERMINAL_PROMPT=0 "$@"
}

# Writes `enter`, which runs a shell or a command in the home, and `stop`.
write_commands() {
    sed -n 's/.*"client_secret":"\([^"]*\)".*/\1/p' "$home/ready.json" >"$home/secret.txt"
    write_kubeconfig
    git_options="GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=http.sslCAInfo GIT_CONFIG_VALUE_0=$(quoted "$home/ca.pem")"
    cat >"$scratch/enter" <<END
#!/bin/sh
# Runs a command, or a shell, in the home of the emulated tenant.
cd $(quoted "$home") || exit
[ \$# -gt 0 ] || set -- "\${SHELL:-/bin/sh}"
exec env -i HOME=$(quoted "$home") PATH=$(quoted "$bin"):"\$PATH" TERM="\${TERM:-dumb}" LC_ALL=C.UTF-8 \
    XDG_CONFIG_HOME=$(quoted "$home/.config") XDG_CACHE_HOME=$(quoted "$home/.cache") \
    KUBECONFIG=$(quoted "$home/kubeconfig") CURL_CA_BUNDLE=$(quoted "$home/ca.pem") $git_options "\$@"
END
    cat >"$scratch/stop" <<END
#!/bin/sh
# Ends the emulated tenant, and removes its home and the program.
kill $emulator_pid 2>/dev/null
rm -rf $(quoted "$scratch") $(quoted "${bin%/prefix/bin}")
END
    chmod 755 "$scratch/enter" "$scratch/stop"
}

# Quotes a text as one shell word.
quoted() {
    printf "'%s'" "$(printf %s "$1" | sed "s/'/'\\\\''/g")"
}

# Says what there is, and how to leave it.
describe_home() {
    cat <<END

The emulated tenant keeps running. Its client is ci-bot, and the profile \`demo\` is for it.

  $scratch/enter
      opens a shell in a home of its own; to try there:
      ws1-token get
      ws1-token status
      ws1-token doctor
      ws1-token login second --tenant $url --client-id ci-bot --ca-file ca.pem --secret-stdin < secret.txt
      ws1-token setup kubectl --write && kubectl --user=ws1 get pods
      ws1-token setup git --write && git clone $url/git/demo.git

  $scratch/stop
      ends the tenant, and removes all of it
END
}

# Starts the emulator on a free port, with a git repository that needs a token.
start_emulator() {
    mkdir "$home/repositories"
    if has git; then
        (isolated sh -c 'git init -q seed && cd seed && echo "It works." >README &&
            git add README && git -c user.name=ws1 -c user.email=ws1@example.com commit -q -m "A file" &&
            git clone -q --bare . ../repositories/demo.git') || die "cannot create a git repository"
    fi
    isolated "$emulator" --tls --ca-out ca.pem --git-root repositories \
        --ready-file ready.json >"$scratch/emulator.log" 2>&1 </dev/null &
    emulator_pid=$!
    tries=0
    until [ -s "$home/ready.json" ]; do
        tries=$((tries + 1))
        if [ "$tries" -gt 100 ] || ! kill -0 "$emulator_pid" 2>/dev/null; then
            cat "$scratch/emulator.log" >&2
            die "the emulated tenant did not start"
        fi
        sleep 0.1 2>/dev/null || sleep 1
    done
    url=$(sed -n 's/.*"url":"\([^"]*\)".*/\1/p' "$home/ready.json")
    say "An emulated tenant listens on $url, and this demonstration has a home of its own."
}

# Writes a profile for the tenant, with the secret in a separate file.
write_profile() {
    (
        umask 077
        mkdir -p "$home/.config/ws1-token"
        cd "$home/.config/ws1-token"
        sed -n 's/.*"client_secret":"\([^"]*\)".*/\1/p' "$home/ready.json" >demo.secret
        cat >config.json <<END
{ "default_profile": "demo",
  "profiles": { "demo": {
      "tenant": "$url",
      "client_id": "ci-bot",
      "client_secret": { "file": "demo.secret" },
      "ca_file": "$home/ca.pem", "ca_only": true } } }
END
    )
}

# Writes the address of the emulated cluster.
write_kubeconfig() {
    cat >"$home/kubeconfig" <<END
{ "apiVersion": "v1", "kind": "Config", "current-context": "demo",
  "contexts": [{ "name": "demo", "context": { "cluster": "demo", "user": "" } }],
  "clusters": [{ "name": "demo", "cluster": { "server": "$url/k8s", "certificate-authority": "$home/ca.pem" } }] }
END
}

# Runs all steps, failed ones included, and prints the result.
run_steps() {
    count=0
    failed=
    skipped=
    step "a token" step_token
    step "the same token again, from the cache" step_cached
    step "a credential for kubectl" step_kubectl
    step "git clone of a protected repository" step_git
    step "a call of the protected API" step_api
    step "a renewed token" step_renewal
    step "the state of the profile" step_status
    if [ -n "$failed" ]; then
        say "ws1-token --try: FAILED:$failed"
        return 1
    elif [ -n "$skipped" ]; then
        say "ws1-token --try: no step failed; skipped:$skipped"
    else
        say "ws1-token --try: all $count steps passed, and the demonstration's home is removed"
    fi
}

# step TITLE FUNCTION: runs one step. The function prints why it fails; `skip_without` sets `note` to what it skips.
step() {
    count=$((count + 1))
    say
    say "$count. $1"
    note=
    outcome=
    if "$2"; then
        [ -z "$note" ] || say "$note"
        say "${outcome:-ok}"
    else
        failed="$failed${failed:+;} $count. $1"
        say "FAILED"
    fi
}

# Shows a command and what it prints, with shortened tokens; `output` is its standard output. Fails if the command does.
show() {
    say "\$ $1"
    code=0
    (isolated sh -c "$1") >"$scratch/output" 2>"$scratch/errors" </dev/null || code=$?
    output=$(cat "$scratch/output")
    cat "$scratch/output" "$scratch/errors" | shorten_tokens
    [ "$code" -eq 0 ] || say "[exit status: $code]"
    return "$code"
}

# Shortens the tokens in standard input. The end is kept, because all tokens start alike.
shorten_tokens() {
    sed 's/eyJ[A-Za-z0-9._-]*\([A-Za-z0-9_-]\{6\}\)/eyJ...\1/g' | awk '{ print substr($0, 1, 200) }'
}

# expect TEXT WHAT: fails unless `output` contains TEXT; the message names it WHAT.
expect() {
    case $output in
        *"$1"*) ;;
        *)
            say "expected $2"
            return 1
            ;;
    esac
}

has() {
    command -v "$1" >/dev/null
}

# skip_without PROGRAM WHAT: reports that WHAT is skipped because PROGRAM is missing; with CI=true it fails instead.
skip_without() {
    if [ "${CI:-}" = true ]; then
        say "$1 is not installed, and CI=true requires it"
        return 1
    fi
    note="skipped: $2, because $1 is not installed"
    case $skipped in
        *"$2 ("*) ;;
        *) skipped="$skipped${skipped:+;} $2 (no $1)" ;;
    esac
}

# expect_token_requests COUNT: fails unless the tenant has counted so many token requests.
expect_token_requests() {
    if ! has curl; then
        skip_without curl "the tenant's counters"
        return
    fi
    show "curl --silent --show-error --cacert ca.pem $url/emulator/counters" || return 1
    case $output in
        *'"token_requests":'"$1"[!0-9]*) ;;
        *)
            say "expected \"token_requests\":$1"
            return 1
            ;;
    esac
}

step_token() {
    show "ws1-token get" || return 1
    expect eyJ "a token" || return 1
    first_token=$output
}

step_cached() {
    show "ws1-token get" || return 1
    if [ "$output" != "${first_token:-}" ]; then
        say "expected the same token"
        return 1
    fi
    expect_token_requests 1
}

step_kubectl() {
    show "ws1-token kubectl" || return 1
    expect '"kind":"ExecCredential"' "an ExecCredential" || return 1
    if ! has kubectl; then
        skip_without kubectl "kubectl get pods"
        return
    fi
    write_kubeconfig
    show "ws1-token setup kubectl --write >/dev/null && kubectl --user=ws1 get pods" && expect emulated "the pod of the emulated cluster"
}

step_git() {
    if ! has git; then
        skip_without git "git clone" && outcome=skipped
        return
    fi
    # shellcheck disable=SC2016 # the shell that runs the line expands it
    show 'git -c credential.helper=ws1 -c http.sslCAInfo="$HOME/ca.pem" clone '"$url/git/demo.git" || return 1
    show "cat demo/README" && expect "It works." "the repository's file"
}

step_api() {
    if ! has curl; then
        skip_without curl "ws1-token curl" && outcome=skipped
        return
    fi
    show "ws1-token curl /SAAS/jersey/manager/api/scim/Users --silent --show-error --fail --cacert ca.pem" || return 1
    expect '"totalResults"' "a list of users"
}

step_renewal() {
    show "ws1-token get --force-refresh" || return 1
    expect eyJ "a token" || return 1
    if [ "$output" = "${first_token:-}" ]; then
        say "expected another token"
        return 1
    fi
    expect_token_requests 2
}

step_status() {
    show "ws1-token status" && expect fresh "a fresh token"
}

main "$@"
