"""The command line: one file per noun."""


def main() -> None:
    """Run the command line; logs go to stderr, so that ``--json`` stays clean.

    Settings are checked before anything else: a wrong one must not show first in the middle of a recovery.
    """
    import sys

    from recovery_ops.cli.app import app
    from recovery_ops.cli.logging import configure
    from recovery_ops.errors import SettingsError
    from recovery_ops.model.settings import Settings

    configure()
    try:
        Settings.from_environment()
    except SettingsError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(error.exit_code)
    app()
