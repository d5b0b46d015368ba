"""The command line: one file per noun."""


def main() -> None:
    """Run the command line; logs go to stderr, so that ``--json`` stays clean."""
    from recovery_ops.cli.app import app
    from recovery_ops.cli.logging import configure

    configure()
    app()
