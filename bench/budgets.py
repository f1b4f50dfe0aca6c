"""What a run may cost, in one place: `bench/run` shows it beside what was measured, `bench/guard` fails beyond it.

`WALL`, `COLD_WALL` and `GROWTH` are ratios of times, which the guard leaves alone: CI measures nothing that a busy
machine changes. The others are counts. The limits of `GUARD` are what was reached and some 5 %, well below what the
design allows (`ALLOWED`), so that a step back is seen when it is made.
"""

# By the C library that the program is built with.
ALLOWED = {
    "musl": {"wall": 0.7, "instructions": 220_000, "system calls": 60, "peak memory": 2048, "cold wall": 0.4},
    "gnu": {"wall": 1.5, "instructions": 480_000, "system calls": 80, "peak memory": 3584, "cold wall": 0.5},
}

# Instructions and KiB of a run that asks for one token over TLS; bytes of the binary without the feature `keychain`.
COLD_INSTRUCTIONS = 5_000_000
COLD_PEAK_MEMORY = 5120
BINARY_SIZE = 3_000_000

# Times the warm call with one profile: the same with 1,000 profiles and 1,000 entries.
GROWTH = 3.0

# Seconds above the tenant's delay until 200 processes have the one token that they cause.
TOGETHER = 0.5

# By command: instructions (callgrind) and system calls (lines of `strace -f`) of a call with a cached token.
GUARD = {
    "get": {"instructions": 158_000, "system calls": 48},
    "kubectl": {"instructions": 163_000, "system calls": 48},
    "git get": {"instructions": 184_000, "system calls": 52},
}
