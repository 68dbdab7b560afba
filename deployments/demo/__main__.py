"""`python -m deployments.demo`: the same as `opsspine demo`."""

import typer

from deployments.cli.demo import demo

if __name__ == "__main__":
    typer.run(demo)
