# SPDX-License-Identifier: MIT
"""A row of the benchmark, as row.h prints it, and for the table at the end of `make bench`."""
import os


def row(what, value, limit):
    line = f"{what:<62} {value:9.4g}  <= {limit:6g}   {value / limit:5.2f} {'' if value <= limit else '<-- missed'}"
    print(" ", line)
    if os.environ.get("BENCH_TABLE"):
        with open(os.environ["BENCH_TABLE"], "a", encoding="utf-8") as f:
            f.write(line + "\n")
