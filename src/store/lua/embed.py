#!/usr/bin/env python3
"""Concatenates Lua files into one C array: embed.py OUT.c FILE.lua..."""
import sys

text = b"".join(open(name, "rb").read() for name in sys.argv[2:])
with open(sys.argv[1], "w", encoding="ascii") as out:
    out.write('#include "store/redis_script.h"\n\nconst char redis_script[] = {\n')
    for at in range(0, len(text), 24):
        out.write("    " + ", ".join(str(byte) for byte in text[at : at + 24]) + ",\n")
    out.write("    0};\n\nconst size_t redis_script_size = sizeof(redis_script) - 1;\n")
