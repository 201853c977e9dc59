"""The version, alone: `leakcheck --version` reads nothing else."""

__version__ = "0.1.0"
