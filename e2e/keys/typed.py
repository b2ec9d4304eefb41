"""
Runs a command at a terminal, and types what a person would.

    python3 typed.py COMMAND PATTERN SHELL [PATTERN SHELL]…

Waits for each pattern (a regular expression) in what the command says, and types what the shell prints. Prints all that was said, and ends
as the command does.
"""

import os
import pty
import re
import subprocess
import sys

command, *steps = sys.argv[1:]
child, terminal = pty.fork()
if child == 0:
    os.execv("/bin/sh", ["/bin/sh", "-c", command])

said = b""
answered = 0
while True:
    try:
        piece = os.read(terminal, 65536)
    except OSError:
        break
    if not piece:
        break
    said += piece
    if steps and re.search(steps[0].encode(), said[answered:]):
        answer = subprocess.run(steps[1], shell=True, capture_output=True, check=True).stdout.strip()
        os.write(terminal, answer + b"\r")
        answered = len(said)
        steps = steps[2:]
sys.stdout.buffer.write(said)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
