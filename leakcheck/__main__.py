"""`python -m leakcheck`, and the `leakcheck` command."""

import sys


def main() -> None:
    """Run the command line; the version is answered before anything dear is imported."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        from leakcheck._version import __version__

        print(f"leakcheck {__version__}")
        return
    from leakcheck.cli import main as run_cli

    sys.exit(run_cli())


if __name__ == "__main__":
    main()
