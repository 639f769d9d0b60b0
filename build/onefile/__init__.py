"""The one-file build: sources by a lock file, parts cached by the hash of their recipe, one ELF that is checked before it is handed out."""
