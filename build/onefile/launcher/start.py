"""Runs the program and leaves by the short way: no module is torn down, as the process ends anyway."""

import os
import sys

from fairlead.__main__ import main

code = main()
if threading := sys.modules.get("threading"):
    threading._shutdown()
if atexit := sys.modules.get("atexit"):
    atexit._run_exitfuncs()
try:
    sys.stdout.flush()
except BrokenPipeError:
    pass
except OSError as error:
    sys.stderr.write(f"fairlead: stdout: {error.strerror}\n")
    code = code or 2
sys.stderr.flush()
os._exit(code)
