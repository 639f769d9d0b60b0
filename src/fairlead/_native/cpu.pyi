def features() -> list[str]:
    """Return the vector instructions that the kernels use on this processor, by their names in /proc/cpuinfo."""
