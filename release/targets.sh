# shellcheck shell=bash
# What cargo and the C compiler need to build for another target; sourced by bash.

# target_env TARGET: exports the compiler, archiver and linker for the C parts of a target, where cargo does not find them
# itself: the static targets. `gcc-aarch64-linux-gnu` links static programs for musl too, whose start files and C library
# come with Rust.
target_env() {
    local name=${1//-/_}
    case $1 in
        x86_64-unknown-linux-musl) export "CC_$name=musl-gcc" ;;
        aarch64-unknown-linux-musl)
            export "CC_$name=aarch64-linux-gnu-gcc" "AR_$name=aarch64-linux-gnu-ar" \
                "CARGO_TARGET_${name^^}_LINKER=aarch64-linux-gnu-gcc"
            ;;
    esac
}
