"""One file a command: argv -> settings -> compose -> run -> exit code."""
