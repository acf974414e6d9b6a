# SPDX-License-Identifier: MPL-2.0
"""The way in by HTTP: one command path, one read path, one error shape, generated OpenAPI. Only this package and a
service's api.py see `flask.request`."""
