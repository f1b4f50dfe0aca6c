"""The budgets of a call: `bench/run` shows them beside the measurements, `bench/guard` fails if one is exceeded.

The guard checks counts only. It ignores the budgets of time (`wall`, `cold wall`, `GROWTH`, `TOGETHER`), because a busy
machine changes times. The limits of `GUARD` are the counts of today plus some 5 %, well below what the design allows
(`ALLOWED`), so that a regression fails in the change that causes it.
"""

# By the C library of the build. `wall` is a ratio to cat, `cold wall` one to curl; memory is in KiB.
ALLOWED = {
    "musl": {"wall": 0.7, "instructions": 220_000, "system calls": 60, "peak memory": 2048, "page faults": 60, "cold wall": 0.4},
    "gnu": {"wall": 1.5, "instructions": 480_000, "system calls": 80, "peak memory": 3584, "page faults": 200, "cold wall": 0.5},
}

# Instructions and KiB of a call that requests a token over TLS; bytes of the binary without the feature `keychain`.
COLD_INSTRUCTIONS = 5_000_000
COLD_PEAK_MEMORY = 5120
BINARY_SIZE = 3_000_000

# Time of a call with 1,000 profiles and 1,000 entries, as a multiple of a call with one; the token is cached.
GROWTH = 3.0

# Seconds from the tenant's reply until the last of 200 processes has the token, which they requested once.
TOGETHER = 0.5

# By command: instructions (callgrind) and system calls (lines of `strace -f`) of a call with a cached token.
GUARD = {
    "get": {"instructions": 155_000, "system calls": 47},
    "kubectl": {"instructions": 161_000, "system calls": 47},
    "git get": {"instructions": 174_000, "system calls": 50},
}
