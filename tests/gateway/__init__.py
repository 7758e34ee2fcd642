"""Tests of the gateway: what decides requests, and every way in which a request is refused."""
