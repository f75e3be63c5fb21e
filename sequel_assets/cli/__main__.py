"""`python -m sequel_assets.cli`: the same as the command `sequel-assets`."""

from sequel_assets.cli.app import main

if __name__ == "__main__":
    main()
