# shellcheck shell=bash
# What cargo and the C compiler need to build for another target; sourced by bash.

# target_env TARGET: exports the compiler, archiver and linker of the static targets: cargo does not find these itself.
# `gcc-aarch64-linux-gnu` serves for musl too, because the C library and its start files come with Rust.
target_env() {
    local name=${1//-/_} here
    here=$(cd -P "$(dirname "${BASH_SOURCE[0]}")" && pwd)
    case $1 in
        x86_64-unknown-linux-musl) export "CC_$name=musl-gcc" ;;
        aarch64-unknown-linux-musl)
            export "CC_$name=aarch64-linux-gnu-gcc" "AR_$name=aarch64-linux-gnu-ar" \
                "CARGO_TARGET_${name^^}_LINKER=$here/link-aarch64"
            ;;
    esac
}
