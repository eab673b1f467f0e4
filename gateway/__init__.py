"""What makes a request a Berth request."""

import warnings

VERSION = "0.1.0"

# connexion imports starlette's client for tests, which tells whoever serves what tests should use.
warnings.filterwarnings("ignore", "Using `httpx` with `starlette.testclient`")
