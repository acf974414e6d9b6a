# SPDX-License-Identifier: MPL-2.0
"""schemathesis over a service inside this process, as every role, in a world whose ids, versions and states it is given."""
