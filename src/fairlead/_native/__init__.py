"""The compiled kernels; each has its pure twin beside it (NAME_pure.py), which is its specification."""
