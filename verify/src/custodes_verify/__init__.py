"""Checks a Custodes network from outside; trusts nobody and imports nothing of `custodes`."""
