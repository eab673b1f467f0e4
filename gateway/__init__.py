"""What makes a request a Berth request."""

VERSION = "0.1.0"
