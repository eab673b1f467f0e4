"""What makes a request a Berth request."""

from gateway.lean import import_clients_later

VERSION = "0.1.0"

import_clients_later()  # before anything imports connexion
