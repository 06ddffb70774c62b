"""A server of invented cameras for developing and testing the console: `python -m console.dev`.

It serves the routes of docs/design/0010-live-and-console.md from made-up facts and pictures drawn here. It is no
part of the product: it guards nothing, and no recorder stands behind it.
"""
