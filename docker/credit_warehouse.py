#!/usr/local/bin/python -P
"""The command line of the warehouse inside the image, where the project is on PYTHONPATH and not installed."""

from credit_warehouse.cli import app

app(prog_name="credit-warehouse")
